// The chat page. All text from documents, titles and answers reaches the page through textContent: nothing that comes
// from the server is ever read as HTML, and the page's policy (trusted-types 'none') makes the browser refuse it.
// Offsets count Unicode characters, as Python does; JavaScript counts UTF-16 units, hence Array.from.

const $ = (id) => document.getElementById(id);
const CODE_FORMATS = new Set(["py", "pydoc", "csv", "jsonl", "ipynb"]);
const TOKEN = "whelm-token";

const messages = []; // the whole conversation, as it is sent with each question
let running = null; // AbortController of the answer that is being written
let shown = null; // {citations, index, opener} of the passage that is open

function element(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function isolated(tag, className, text) {
  // a name may hold marks that turn the direction of what follows: keep them inside
  const node = element(tag, className);
  node.append(element("bdi", "", text));
  return node;
}

// ---------------------------------------------------------------- asking the server

class Failure extends Error {
  constructor(message, hint) {
    super(message);
    this.hint = hint || "";
  }
}

async function request(path, options = {}) {
  const headers = { ...(options.headers || {}) };
  const token = sessionStorage.getItem(TOKEN);
  if (token) headers.Authorization = `Bearer ${token}`;
  let response;
  try {
    response = await fetch(path, { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Failure("The server cannot be reached.", "See whether it is still running, then ask again.");
  }
  if (response.status === 401) {
    await askForToken();
    return request(path, options);
  }
  if (!response.ok) {
    const body = await response.json().catch(() => ({}));
    throw failureOf(body.error);
  }
  return response;
}

function failureOf(error) {
  return new Failure((error && error.message) || "The server could not answer.", error && error.hint);
}

function askForToken() {
  const dialog = $("token-dialog");
  if (!dialog.open) dialog.showModal();
  return new Promise((resolve) => {
    $("token-form").onsubmit = (event) => {
      event.preventDefault();
      sessionStorage.setItem(TOKEN, $("token").value.trim());
      $("token").value = "";
      dialog.close();
      resolve();
    };
    dialog.oncancel = (event) => event.preventDefault();
  });
}

async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      if (!block.startsWith("data: ")) continue;
      const data = block.slice(6);
      if (data === "[DONE]") return;
      yield JSON.parse(data);
    }
  }
}

// ---------------------------------------------------------------- a turn of the conversation

async function ask(question) {
  closePanel(false);
  $("welcome").hidden = true;
  $("fresh").hidden = false;
  const turn = element("article", "turn");
  turn.append(element("p", "asked", question));
  const answer = element("div", "answer working");
  answer.dir = "auto";
  turn.append(answer);
  $("turns").append(turn);
  turn.scrollIntoView({ block: "end" });
  await fill(turn, answer, question);
}

async function fill(turn, answer, question) {
  running = new AbortController();
  busy(true);
  let record = null;
  let text = "";
  try {
    const response = await request("/v1/chat/completions", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      signal: running.signal,
      body: JSON.stringify({
        model: $("name").textContent,
        stream: true,
        mode: $("mode").value,
        messages: [...messages, { role: "user", content: question }],
      }),
    });
    for await (const chunk of events(response)) {
      if (chunk.error) throw failureOf(chunk.error);
      const delta = chunk.choices.length ? chunk.choices[0].delta : {};
      if (delta.content) {
        text += delta.content;
        answer.textContent = text;
        turn.scrollIntoView({ block: "end" });
      }
      if (chunk.whelm) record = chunk.whelm;
    }
    if (!record) throw new Failure("The answer broke off.", "Ask again.");
    finish(turn, answer, record);
    messages.push({ role: "user", content: question });
    messages.push({
      role: "assistant",
      content: record.answer,
      citations: record.citations.map((citation) => ({ document: citation.document })),
    });
  } catch (error) {
    if (error.name === "AbortError") return;
    fail(turn, answer, question, error);
  } finally {
    answer.classList.remove("working");
    running = null;
    busy(false);
  }
}

function busy(state) {
  $("send").disabled = state;
  $("turns").setAttribute("aria-busy", String(state));
}

function finish(turn, answer, record) {
  if (record.standalone && record.standalone !== record.question) {
    turn.insertBefore(isolated("p", "understood", `understood as: ${record.standalone}`), answer);
  }
  answer.replaceChildren();
  if (record.supported) {
    const titles = new Map(Object.entries(record.titles || {}));
    record.citations.forEach((citation, index) => {
      citation.title = titles.get(citation.document) || "";
      citation.number = index + 1;
    });
    written(answer, record);
    turn.append(sources(record.citations));
  } else {
    answer.className = "answer refusal";
    answer.textContent = record.answer;
    const nearest = (record.nearest || []).filter((hit) => hit.end !== undefined);
    if (nearest.length) {
      turn.append(element("p", "nearest", "What comes nearest:"));
      turn.append(sources(nearest.map((hit) => ({ ...hit, heading: (hit.headings || []).join(" › "), number: "" }))));
    }
  }
  const how = record.mode === "write" ? "written from the evidence" : "quoted";
  const facts = [record.supported ? how : "not answered", `${record.seconds.toFixed(2)} s`];
  if (record.evidence_cut.length) facts.push(`${record.evidence_cut.length} passages left out`);
  turn.append(element("p", "facts", facts.join(" · ")));
  const count = record.citations.length;
  $("status").textContent = record.supported ? `Answer with ${count} citation${count === 1 ? "" : "s"}` : record.answer;
  turn.scrollIntoView({ block: "end" });
}

function written(answer, record) {
  const parts = record.answer.split(/\[(\d{1,3})\]/); // text, number, text, number, ...
  const used = parts.some((part, index) => index % 2 && record.citations[Number(part) - 1]);
  parts.forEach((part, index) => {
    const citation = index % 2 ? record.citations[Number(part) - 1] : null;
    if (citation) answer.append(citeButton(record.citations, Number(part) - 1));
    else answer.append(index % 2 ? `[${part}]` : part);
  });
  if (!used) record.citations.forEach((_, index) => answer.append(" ", citeButton(record.citations, index)));
}

function citeButton(citations, index) {
  const button = element("button", "cite", String(index + 1));
  button.type = "button";
  button.setAttribute("aria-label", `Citation ${index + 1}: ${citations[index].document}`);
  opens(button, citations, index);
  return button;
}

function sources(citations) {
  const list = element("ol", "sources");
  citations.forEach((citation, index) => {
    const button = element("button");
    button.type = "button";
    button.append(element("span", "number", String(citation.number)));
    button.append(isolated("span", "title", citation.title || citation.document));
    button.append(isolated("span", "place", place(citation)));
    opens(button, citations, index);
    const item = element("li");
    item.append(button);
    list.append(item);
  });
  return list;
}

function place(citation) {
  const parts = [citation.heading, citation.page ? `page ${citation.page}` : ""];
  if (citation.title && citation.title !== citation.document) parts.push(citation.document);
  return parts.filter(Boolean).join(" · ") || citation.source || "";
}

function fail(turn, answer, question, error) {
  const box = element("div", "failure");
  box.append(element("p", "", error.message), element("p", "hint", error.hint || ""));
  const again = element("button", "quiet", "Ask again");
  again.type = "button";
  again.onclick = () => {
    box.remove();
    answer.className = "answer working";
    answer.textContent = "";
    turn.append(answer);
    fill(turn, answer, question);
  };
  box.append(again);
  answer.replaceWith(box);
  $("status").textContent = error.message;
}

// ---------------------------------------------------------------- the passage beside the conversation

function opens(button, citations, index) {
  button.setAttribute("aria-expanded", "false");
  button.setAttribute("aria-controls", "panel");
  button.onclick = () => openPassage(citations, index, button);
}

async function openPassage(citations, index, opener) {
  const citation = citations[index];
  collapse();
  shown = { citations, index, opener };
  opener.setAttribute("aria-expanded", "true");
  $("panel").hidden = false;
  $("panel-previous").disabled = index === 0;
  $("panel-next").disabled = index === citations.length - 1;
  $("panel-title").firstChild.textContent = citation.title || citation.document;
  $("panel-place").replaceChildren(isolated("span", "", place(citation)));
  const area = $("panel-text");
  area.replaceChildren();
  try {
    const query = `start=${citation.start}&end=${citation.end}`;
    const response = await request(`/documents/${encodedName(citation.document)}?${query}`);
    const passage = await response.json();
    if (shown === null || shown.citations[shown.index] !== citation) return; // another was opened meanwhile
    show(area, passage, citation);
  } catch (error) {
    area.textContent = `${error.message} ${error.hint || ""}`;
  }
}

function show(area, passage, citation) {
  const characters = Array.from(passage.text);
  const from = Math.max(0, citation.start - passage.start);
  const to = Math.max(from, citation.end - passage.start);
  const cut = (a, b) => characters.slice(a, b).join("");
  const quote = element("mark", "", cut(from, to));
  area.classList.toggle("code", CODE_FORMATS.has(passage.format));
  area.replaceChildren();
  if (passage.start > 0) area.append("[…] ");
  area.append(cut(0, from), quote, cut(to));
  if (passage.end < passage.length) area.append(" […]");
  if (passage.title) $("panel-title").firstChild.textContent = passage.title;
  $("panel-place").replaceChildren(isolated("span", "", place({ ...citation, title: passage.title })));
  quote.scrollIntoView({ block: "center" });
  area.focus({ preventScroll: true });
}

function encodedName(name) {
  // a file name that is no valid UTF-8 carries its bytes as lone surrogates, which encodeURIComponent refuses
  return Array.from(name, (character) => {
    const code = character.codePointAt(0);
    if (code >= 0xdc80 && code <= 0xdcff) return `%${(code - 0xdc00).toString(16).toUpperCase()}`;
    return code >= 0xd800 && code <= 0xdfff ? "%EF%BF%BD" : encodeURIComponent(character);
  }).join("");
}

function collapse() {
  if (shown) shown.opener.setAttribute("aria-expanded", "false");
}

function step(by) {
  if (!shown) return;
  const index = shown.index + by;
  if (index >= 0 && index < shown.citations.length) openPassage(shown.citations, index, shown.opener);
}

function closePanel(refocus = true) {
  if (!shown) return;
  collapse();
  if (refocus) shown.opener.focus();
  shown = null;
  $("panel").hidden = true;
}

// ---------------------------------------------------------------- keys and buttons

function fit() {
  const field = $("question");
  if (CSS.supports("field-sizing", "content")) return;
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight}px`;
}

$("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  const question = $("question").value.trim();
  if (!question || running) return;
  $("question").value = "";
  fit();
  ask(question);
});
$("question").addEventListener("input", fit);
$("question").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    $("ask").requestSubmit();
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && shown) closePanel();
  const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName);
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    $("question").focus();
  }
});
$("panel-close").onclick = () => closePanel();
$("panel-previous").onclick = () => step(-1);
$("panel-next").onclick = () => step(1);
$("fresh").onclick = () => {
  if (running) running.abort();
  messages.length = 0;
  closePanel(false);
  $("turns").replaceChildren();
  $("welcome").hidden = false;
  $("fresh").hidden = true;
  $("question").focus();
};

request("/v1/models")
  .then((response) => response.json())
  .then((body) => {
    const name = body.data[0].id;
    $("name").firstElementChild.textContent = name;
    document.title = `${name} · whelm`;
  })
  .catch(() => {});
