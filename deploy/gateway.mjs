import { apiKey } from "../scripts/system/dataDir.ts";

/** The gateway in a container: where API_KEYS is empty, one key is made at the first start and kept in the volume. */

process.env.API_KEYS ||= `default:${apiKey(process.env.DATA_DIR ?? "/data")}`;
await import("../services/gateway/src/main.ts");
