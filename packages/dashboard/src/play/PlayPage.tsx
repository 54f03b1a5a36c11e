import type { GenerateBody } from "@jetscribe/schema";
import { signal } from "@preact/signals";
import { session, type Session } from "../api/session.ts";
import { generate, generation } from "./generation.ts";
import { Output } from "./Output.tsx";

/** What was typed stays while other pages are looked at. */
const form = signal({
  ...{ prompt: "", system: "", model: "" },
  ...{ max_tokens: "256", temperature: "0.7", seed: "" },
});
type Field = keyof typeof form.value;

export function PlayPage() {
  const { value } = session;
  return value && <Play session={value} />;
}

function Play({ session }: { session: Session }) {
  const { value: shown } = generation;
  const isBusy = shown !== undefined && shown.state !== "ended";
  const send = () => {
    if (!isBusy && form.value.prompt !== "")
      void generate(session, bodyOf(form.value));
  };
  return (
    <section class="play" aria-label="Playground">
      <h1 class="hidden">Playground</h1>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          send();
        }}
        onKeyDown={(event) => {
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) send();
        }}
      >
        <Area name="system" label="System message (optional)" rows={2} />
        <Area name="prompt" label="Prompt" rows={7} />
        <div class="numbers">
          <Input name="model" label="Model" placeholder="the first one" />
          <Input name="max_tokens" label="max_tokens" />
          <Input name="temperature" label="temperature" />
          <Input name="seed" label="seed" placeholder="any" />
        </div>
        <div class="buttons">
          <span class="note">Ctrl-Enter</span>
          <button class="primary" disabled={isBusy || !form.value.prompt}>
            Generate
          </button>
        </div>
      </form>
      {shown && <Output shown={shown} session={session} />}
    </section>
  );
}

/** A system message makes it a conversation. What is no number is refused by the gateway, which says which. */
function bodyOf(values: Readonly<Record<Field, string>>): GenerateBody {
  const { prompt, system, model, max_tokens, temperature, seed } = values;
  return {
    ...(system === ""
      ? { prompt }
      : {
          messages: [
            { role: "system", content: system },
            { role: "user", content: prompt },
          ],
        }),
    ...(model !== "" && { model }),
    ...(max_tokens !== "" && { max_tokens: Number(max_tokens) }),
    ...(temperature !== "" && { temperature: Number(temperature) }),
    ...(seed !== "" && { seed: Number(seed) }),
  };
}

const set = (name: Field, value: string): void => {
  form.value = { ...form.value, [name]: value };
};

interface FieldProps {
  name: Field;
  label: string;
}

function Area({ name, label, rows }: FieldProps & { rows: number }) {
  return (
    <label>
      {label}
      <textarea
        rows={rows}
        value={form.value[name]}
        onInput={({ currentTarget }) => set(name, currentTarget.value)}
      />
    </label>
  );
}

function Input({
  name,
  label,
  placeholder,
}: FieldProps & { placeholder?: string }) {
  return (
    <label>
      {label}
      <input
        value={form.value[name]}
        spellcheck={false}
        autocomplete="off"
        placeholder={placeholder ?? ""}
        inputMode={name === "model" ? "text" : "decimal"}
        onInput={({ currentTarget }) => set(name, currentTarget.value.trim())}
      />
    </label>
  );
}
