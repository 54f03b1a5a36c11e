@echo off
rem Jetscribe on Windows runs inside WSL 2. This starts it there, from this folder.
cd /d "%~dp0"
where wsl.exe >nul 2>nul
if errorlevel 1 goto no_wsl
rem Fails too where WSL is there but no Linux is installed in it.
wsl.exe --exec true >nul 2>nul
if errorlevel 1 goto no_wsl
rem Windows' own npm is on the PATH inside WSL too, below /mnt: it would run the Windows programs.
wsl.exe --exec bash -lc "command -v node >/dev/null && case $(command -v npm) in ''|/mnt/*) exit 1;; esac"
if errorlevel 1 goto no_node
wsl.exe --exec bash -lc "npm start -- %*"
exit /b %errorlevel%

:no_wsl
echo Jetscribe needs WSL 2, the Linux inside Windows. Once, in PowerShell as administrator:
echo.
echo   wsl --install -d Debian
echo.
echo Restart Windows, open "Debian" from the start menu once to choose a user name, then run start.bat again.
pause
exit /b 1

:no_node
echo WSL is there, but Node.js is not installed inside it. Once, in the WSL window ("wsl" in PowerShell):
echo.
echo   sudo apt-get update
echo   sudo apt-get install -y curl ca-certificates
echo   curl -fsSL https://deb.nodesource.com/setup_24.x ^| sudo -E bash -
echo   sudo apt-get install -y nodejs
echo.
echo Then run start.bat again.
pause
exit /b 1
