/** Where `vite build` puts the dashboard's files; the folder is missing until then. */
export const builtDashboard = new URL("./dist/", import.meta.url);
