/** `jetscribe keys …` and its options. */
import type { Command } from "commander";
import {
  addKey,
  changeKey,
  listKeys,
  revokeKey,
  type AddKeyOptions,
  type ChangeKeyOptions,
  type ListKeysOptions,
  type RevokeKeyOptions,
} from "./commands/keys.ts";
import type { Context } from "./context.ts";
import { jsonOption } from "./options.ts";

const description = `The API keys of a system. It calls the gateway that JETSCRIBE_URL names, with an administrator's key in JETSCRIBE_KEY.`;

export function addKeysCommand(program: Command, context: Context): void {
  const keys = program.command("keys").description(description);
  addSettings(
    keys
      .command("add <name>")
      .description(
        "Makes a key and prints it; nothing tells it again. Its tasks belong to the name.",
      ),
    "no limit of its own",
  )
    .option(
      "--rotate",
      "the name may be one that another key has: both see the same tasks",
    )
    .addOption(jsonOption("the answer of POST /admin/keys"))
    .action((name: string, options: AddKeyOptions) =>
      addKey(name, options, context),
    );
  keys
    .command("list")
    .description(
      "Every key that there ever was, and its settings; none of the keys themselves.",
    )
    .option("--at <time>", "the keys as they were then")
    .addOption(jsonOption("the answer of GET /admin/keys"))
    .action((options: ListKeysOptions) => listKeys(options, context));
  addSettings(
    keys
      .command("change <id>")
      .description(
        "Changes what the options name, and leaves the rest as it is. The id is that of the list.",
      ),
    "it is lifted",
  )
    .addOption(jsonOption("the answer of PATCH /admin/keys/<id>"))
    .action((id: string, options: ChangeKeyOptions) =>
      changeKey(id, options, context),
    );
  keys
    .command("revoke <id>")
    .description("Ends a key for ever, within a second. Its tasks go on.")
    .addOption(jsonOption("the answer of DELETE /admin/keys/<id>"))
    .action((id: string, options: RevokeKeyOptions) =>
      revokeKey(id, options, context),
    );
}

/** `none`: what the word means as a limit. */
const addSettings = (command: Command, none: string): Command =>
  command
    .option("--scopes <scopes>", "what it may do, as generate,read,cancel")
    .option("--expires-in <span>", "90s, 30m, 12h, 30d or never")
    .option("--expires-at <time>", "instead of --expires-in")
    .option("--requests-per-minute <n>", `or none: ${none}`)
    .option("--tokens-per-day <n>", "of prompts and answers, or none")
    .option("--max-tasks <n>", "unfinished ones, or none")
    .option(
      "--webhook <url>",
      "where outcomes of its requests are posted that name no webhook, or none",
    )
    .option(
      "--webhook-events <outcomes>",
      "of these alone, as completed,failed,cancelled",
    );
