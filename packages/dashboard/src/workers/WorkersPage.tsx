import { NowFeed } from "../parts/NowFeed.tsx";
import { LostWorkers } from "./LostWorkers.tsx";
import { WorkerFacts } from "./WorkerFacts.tsx";

/** What generates the text, what it runs on, and what became of workers that are heard no more. */
export const WorkersPage = () => (
  <NowFeed title="Workers">
    {({ workers, lost }, session) => (
      <>
        <section>
          <h2>
            Workers <span class="note">that are heard</span>
          </h2>
          {workers.length === 0 ? (
            <div class="empty">
              <p>No worker is heard.</p>
              <p>
                Tasks wait until one starts. <code>npm start</code> starts one;
                its last lines say why it could not.
              </p>
            </div>
          ) : (
            workers.map((worker) => (
              <WorkerFacts key={worker.worker_id} worker={worker} />
            ))
          )}
        </section>
        <LostWorkers lost={lost} call={session.call} />
      </>
    )}
  </NowFeed>
);
