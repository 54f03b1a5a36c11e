// @ts-nocheck It runs in browsers, whose types are not there.
/** Sends the calls of the page, and shows what comes back while it comes. */
const key = document.getElementById("key");

for (const form of document.querySelectorAll("form[data-method]"))
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void send(form);
  });
document
  .getElementById("key-form")
  ?.addEventListener("submit", (event) => event.preventDefault());

async function send(form) {
  const output = form.querySelector("output");
  const stop = form.querySelector(".stop");
  const leaving = new AbortController();
  stop.onclick = () => leaving.abort();
  stop.hidden = false;
  output.textContent = "…";
  try {
    const { method } = form.dataset;
    const response = await fetch(urlOf(form), {
      method,
      headers: headersOf(form),
      body: form.elements.body?.value,
      signal: leaving.signal,
    });
    await show(response, output);
  } catch (error) {
    output.append(`\n${error.message}`);
  } finally {
    stop.hidden = true;
  }
}

const given = (form, where) =>
  [...form.querySelectorAll(`input[data-in=${where}]`)].filter(
    ({ value }) => value !== "",
  );

function urlOf(form) {
  const query = new URLSearchParams(
    given(form, "query").map(({ name, value }) => [name, value]),
  );
  const path = given(form, "path").reduce(
    (path, { name, value }) =>
      path.replace(`{${name}}`, encodeURIComponent(value)),
    form.dataset.path,
  );
  return query.size > 0 ? `${path}?${query}` : path;
}

function headersOf(form) {
  const headers = new Headers(
    given(form, "header").map(({ name, value }) => [name, value]),
  );
  if (key.value !== "") headers.set("x-api-key", key.value);
  if (form.elements.body) headers.set("content-type", "application/json");
  return headers;
}

async function show(response, output) {
  const lines = [...response.headers].map(
    ([name, value]) => `${name}: ${value}`,
  );
  output.textContent = `${response.status} ${response.statusText}\n${lines.join("\n")}\n\n`;
  const type = response.headers.get("content-type") ?? "";
  if (type.includes("json")) {
    const text = await response.text();
    output.append(JSON.stringify(JSON.parse(text), null, 2));
    return;
  }
  const decoder = new TextDecoder();
  for await (const piece of response.body ?? [])
    output.append(decoder.decode(piece, { stream: true }));
}
