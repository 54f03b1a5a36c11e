import { render } from "preact";
import { App } from "./App.tsx";
import { signInByLink } from "./api/session.ts";
import "./style/base.css";
import "./style/parts.css";
import "./style/tasks.css";
import "./style/task.css";
import "./style/now.css";
import "./style/workers.css";
import "./style/charts.css";
import "./style/keys.css";
import "./style/play.css";
import "./style/past.css";
import "./style/log.css";

signInByLink();
addEventListener("hashchange", signInByLink);
const root = document.getElementById("app");
if (root) render(<App />, root);
