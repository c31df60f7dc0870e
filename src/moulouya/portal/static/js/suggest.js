// Suggestions while a reader types: a combobox with a list, after the ARIA 1.2 pattern.
// Without this file the form is sent as usual; with it, Enter without a chosen option does so too.

const WAIT = 120;

function option(item, id) {
  const node = document.createElement("li");
  node.id = id;
  node.setAttribute("role", "option");
  node.setAttribute("aria-selected", "false");
  node.dataset.href = item.href;
  const words = document.createElement("bdi");
  words.textContent = item.title;
  node.append(words);
  return node;
}

function group(kind, name) {
  const node = document.createElement("ul");
  node.setAttribute("role", "group");
  node.className = "plain";
  const title = document.createElement("li");
  title.id = `${name}-${kind.kind}`;
  title.className = "kind";
  title.setAttribute("role", "presentation");
  title.textContent = kind.title;
  node.setAttribute("aria-labelledby", title.id);
  node.append(title);
  return node;
}

function enhance(form, place) {
  const input = form.querySelector('input[type="search"]');
  const name = `suggestions-${place}`;
  const list = document.createElement("div");
  list.id = name;
  list.className = "suggestions";
  list.hidden = true;
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", form.dataset.label);
  const status = document.createElement("span");
  status.className = "unseen";
  status.setAttribute("role", "status");
  form.append(list, status);

  input.setAttribute("role", "combobox");
  input.setAttribute("aria-autocomplete", "list");
  input.setAttribute("aria-expanded", "false");
  input.setAttribute("aria-controls", name);

  let options = [];
  let chosen = -1;
  let timer = 0;
  let running = null;

  function choose(next) {
    options[chosen]?.setAttribute("aria-selected", "false");
    chosen = next;
    const node = options[chosen];
    if (node) {
      node.setAttribute("aria-selected", "true");
      input.setAttribute("aria-activedescendant", node.id);
      node.scrollIntoView({ block: "nearest" });
    } else {
      input.removeAttribute("aria-activedescendant");
    }
  }

  function show(open) {
    list.hidden = !open;
    input.setAttribute("aria-expanded", String(open));
    choose(-1);
  }

  function forget() {
    clearTimeout(timer);
    running?.abort();
    running = null;
    show(false);
  }

  function fill(answer) {
    options = [];
    list.replaceChildren(
      ...answer.groups.map((kind) => {
        const box = group(kind, name);
        for (const item of kind.items) {
          const node = option(item, `${name}-${options.length}`);
          options.push(node);
          box.append(node);
        }
        return box;
      }),
    );
    show(options.length > 0);
    status.textContent = answer.status;
  }

  async function ask() {
    running?.abort();
    const mine = new AbortController();
    running = mine;
    const typed = input.value.trim();
    if (!typed) {
      show(false);
      return;
    }
    try {
      const address = `${form.dataset.suggest}?${new URLSearchParams({ q: typed })}`;
      const response = await fetch(address, { signal: mine.signal });
      if (!response.ok) return;
      const answer = await response.json();
      if (running === mine && document.activeElement === input) fill(answer);
    } catch (error) {
      // Suggestions are a convenience: without a connection the form itself says what is wrong.
      if (error.name !== "AbortError") show(false);
    }
  }

  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, WAIT);
  });

  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const last = options.length - 1;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (list.hidden) {
        if (options.length) show(true);
        else ask();
      }
      if (options.length) {
        const down = event.key === "ArrowDown";
        choose(down ? (chosen === last ? -1 : chosen + 1) : chosen === -1 ? last : chosen - 1);
      }
      event.preventDefault();
    } else if (event.key === "Enter" && !list.hidden && options[chosen]) {
      event.preventDefault();
      location.assign(options[chosen].dataset.href);
    } else if (event.key === "Escape" && !list.hidden) {
      event.preventDefault();
      forget();
    }
  });

  // Before the field loses the focus, so that the list is still there when the button goes up.
  list.addEventListener("pointerdown", (event) => event.preventDefault());
  list.addEventListener("click", (event) => {
    const node = event.target.closest('[role="option"]');
    if (node) location.assign(node.dataset.href);
  });
  input.addEventListener("blur", forget);
  form.addEventListener("submit", forget);
}

const forms = document.querySelectorAll("form[data-suggest]");
forms.forEach(enhance);

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const input = forms[0]?.querySelector('input[type="search"]');
  if (input) {
    event.preventDefault();
    input.focus();
    input.select();
  }
});
