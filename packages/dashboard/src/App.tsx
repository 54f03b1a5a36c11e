import { isReadOnly } from "./api/link.ts";
import { apiKey } from "./api/session.ts";
import { HealthPage } from "./health/HealthPage.tsx";
import { Entrance } from "./link/Entrance.tsx";
import { LinkBar, NotByLink } from "./link/LinkBar.tsx";
import { LogPage } from "./log/LogPage.tsx";
import { KeysPage } from "./keys/KeysPage.tsx";
import { NowPage } from "./now/NowPage.tsx";
import { Header } from "./parts/Header.tsx";
import { at } from "./past/moment.ts";
import { MomentBar } from "./past/MomentBar.tsx";
import { PlayPage } from "./play/PlayPage.tsx";
import { pagesOfKeys, route } from "./route.ts";
import { TasksPage } from "./tasks/TasksPage.tsx";
import { WorkersPage } from "./workers/WorkersPage.tsx";
import { TaskPage } from "./task/TaskPage.tsx";

export function App() {
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>
        To the content
      </a>
      <Header />
      <LinkBar />
      {apiKey.value !== undefined && <MomentBar />}
      <main
        id="main"
        tabIndex={-1}
        class={at.value === undefined ? "" : "past"}
      >
        {apiKey.value === undefined ? <Entrance /> : <Page />}
      </main>
    </>
  );
}

/** The address holds the page: its fragment stays as it is. */
function skip(event: Event): void {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

function Page() {
  const { page, id, query } = route.value;
  if (isReadOnly.value && pagesOfKeys.has(page)) return <NotByLink />;
  if (page === "now") return <NowPage />;
  if (page === "workers") return <WorkersPage />;
  if (page === "health") return <HealthPage />;
  if (page === "keys") return <KeysPage />;
  if (page === "playground") return <PlayPage />;
  if (page === "log") return <LogPage />;
  if (id === undefined) return <TasksPage />;
  return (
    <TaskPage
      key={`${id} ${at.value}`}
      id={id}
      owner={query.get("owner") ?? undefined}
    />
  );
}
