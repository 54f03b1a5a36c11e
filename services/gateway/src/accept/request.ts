import { CompiledRequest } from "@jetscribe/event-log/fast/compiledRequest";
import { fastPaths } from "@jetscribe/event-log/fast/fastPaths";
import { GenerateRequest } from "@jetscribe/schema";

/** What a request is checked by. */
export const Request = fastPaths ? CompiledRequest : GenerateRequest;
