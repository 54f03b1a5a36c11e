// Imported first by every command here: what the rest needs of the machine, said before anything else can fail.
const [major = 0] = process.versions.node.split(".").map(Number);

if (process.platform === "win32") {
  console.error(
    [
      "Jetscribe runs on Linux and macOS; on Windows it runs inside WSL 2:",
      "  wsl --install -d Debian        (once, in PowerShell as administrator; then restart Windows)",
      "  start.bat                      (in this folder, starts Jetscribe inside WSL)",
    ].join("\n"),
  );
  process.exit(1);
}
if (major < 20) {
  console.error(
    `Jetscribe's commands need Node 20 or newer, this is ${process.version}: https://nodejs.org/en/download`,
  );
  process.exit(1);
}
