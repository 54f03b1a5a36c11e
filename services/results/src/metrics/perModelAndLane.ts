import { slugOf, type Lane, type TaskState } from "@jetscribe/schema";

/** A task's labels: its model (the slug) and its lane. */
export const labels = ["model", "lane"] as const;
export type Labels = Record<(typeof labels)[number], string>;

/** What is counted of the tasks of one model and lane, which is made with the first of them. */
export function perModelAndLane<T>(make: (labels: Labels) => T) {
  const made: Record<Lane, Map<string, T>> = {
    interactive: new Map(),
    batch: new Map(),
  };
  return ({ model, lane }: Pick<TaskState, "model" | "lane">): T => {
    const slug = slugOf(model);
    let counted = made[lane].get(slug);
    if (counted === undefined) {
      counted = make({ model: slug, lane });
      made[lane].set(slug, counted);
    }
    return counted;
  };
}
