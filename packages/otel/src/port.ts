/** What services say of their spans. It names no vendor, so it costs nothing where no traces are asked for. */

/** A span as others refer to it. */
export interface SpanContext {
  /** 32 hex digits. */
  traceId: string;
  /** 16 hex digits. */
  spanId: string;
  /** Whether its trace is exported. */
  sampled: boolean;
}

/** An attribute that is undefined is left out. */
export type Attributes = Readonly<
  Record<string, string | number | readonly string[] | undefined>
>;

export interface NewSpan {
  name: string;
  kind: "server" | "producer" | "consumer" | "internal";
  /** A span, or the id of the trace that this one begins. */
  parent: SpanContext | { traceId: string };
  /** Where others have to know it without being told; absent: a random one. */
  spanId?: string;
  links?: readonly SpanContext[];
  /** Seconds since the epoch. */
  startS: number;
  attributes: Attributes;
}

export interface SpanEnd {
  /** Seconds since the epoch. */
  endS: number;
  /** The type of what went wrong, never its message: that may hold a part of a prompt. */
  errorType?: string | undefined;
  attributes?: Attributes;
}

export interface OpenSpan {
  context: SpanContext;
  end(how: SpanEnd): void;
}

export interface Tracing {
  begin(span: NewSpan): OpenSpan;
  /** Exports what is left, for two seconds at most. */
  shutdown(): Promise<void>;
}

export type StartTracing = (options: {
  /** The service's name, as `gateway`. */
  service: string;
  /** Called when exporting fails, and again at most once a minute while it does. */
  onTrouble: (lost: string) => void;
}) => Tracing;
