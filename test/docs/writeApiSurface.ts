/** `npm run api:snapshot`: writes down what callers may rely on from now on. */
import { writeFileSync } from "node:fs";
import {
  surfaceOf,
  type Described,
} from "../../services/gateway/test/apiSurface.ts";
import { startApp } from "../../services/gateway/test/appTestKit.ts";

await using app = await startApp();
const lines = surfaceOf(app.app.swagger() as unknown as Described);
writeFileSync(
  new URL("../../services/gateway/test/api-surface.txt", import.meta.url),
  `${lines.join("\n")}\n`,
);
