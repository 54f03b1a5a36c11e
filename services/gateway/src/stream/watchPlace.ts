/** The places of the tasks whose streams wait: read for all of them together, however many they are. */
import type { TaskState } from "@jetscribe/schema";
import type { Place, TaskReader } from "@jetscribe/task-store";

/** Tells a task's place, soon and when it has changed, until it is disposed of. */
export type WatchPlace = (
  task: TaskState,
  onPlace: (place: Place) => void,
) => Disposable;

interface Watched {
  task: TaskState;
  onPlace: (place: Place) => void;
  /** The last position that was told. */
  told?: number;
}

export function makeWatchPlace(
  reader: Pick<TaskReader, "places">,
  { firstMs = 100, everyMs = 2_000 } = {},
): WatchPlace {
  const all = new Set<Watched>();
  let timer: NodeJS.Timeout | undefined;
  let looking = false;

  async function look(looked: Watched[]): Promise<void> {
    // Without Redis nobody knows a place; the next look may.
    const places = await reader
      .places(looked.map(({ task }) => task))
      .catch(() => []);
    looked.forEach((watched, i) => {
      const place = places[i];
      if (!place || place.position === watched.told || !all.has(watched))
        return;
      watched.told = place.position;
      watched.onPlace(place);
    });
  }

  async function lookAtAll() {
    if (looking) return;
    looking = true;
    await look([...all]);
    looking = false;
  }

  return (task, onPlace) => {
    const watched: Watched = { task, onPlace };
    all.add(watched);
    timer ??= setInterval(() => void lookAtAll(), everyMs);
    // Most tasks wait for less: their first text is not held up by the question.
    const first = setTimeout(() => void look([watched]), firstMs);
    return {
      [Symbol.dispose]() {
        clearTimeout(first);
        all.delete(watched);
        if (all.size > 0) return;
        clearInterval(timer);
        timer = undefined;
      },
    };
  };
}
