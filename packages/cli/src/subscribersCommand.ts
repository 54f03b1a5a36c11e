/** `jetscribe subscribers …` and its options. */
import type { Command } from "commander";
import {
  addSubscriber,
  listSubscribers,
  removeSubscriber,
  type AddSubscriberOptions,
  type SubscribersOptions,
} from "./commands/subscribers.ts";
import type { Context } from "./context.ts";
import { jsonOption } from "./options.ts";

const description = `Other systems that read the events: each has an account of its own on the broker, with a live feed and a durable consumer, and nothing else. It needs the operator's credentials.`;

export function addSubscribersCommand(
  program: Command,
  context: Context,
): void {
  const subscribers = program.command("subscribers").description(description);
  subscribers
    .command("add <name>")
    .description(
      "Makes a subscriber and its credentials. Without options it gets every event that is stored from now on.",
    )
    .option("--owner <name>", "only events of tasks of this API key")
    .option("--model <name>", "only events of tasks of this model")
    .option("--types <types>", "only these events, as completed,failed")
    .option("--no-text", "without prompts and results: headers alone")
    .option("--from <time>", "begins with what was stored at this time")
    .option("--api", "may submit tasks over NATS too, as the owner")
    .addOption(jsonOption("one JSON object"))
    .action((name: string, options: AddSubscriberOptions) =>
      addSubscriber(name, options, context),
    );
  subscribers
    .command("list")
    .description("All subscribers, and how many events wait for each.")
    .addOption(jsonOption("a JSON line for each"))
    .action((options: SubscribersOptions) => listSubscribers(options, context));
  subscribers
    .command("remove <name>")
    .description(
      "Shuts a subscriber out within a second, and forgets how far it has read.",
    )
    .addOption(jsonOption("one JSON object"))
    .action((name: string, options: SubscribersOptions) =>
      removeSubscriber(name, options, context),
    );
}
