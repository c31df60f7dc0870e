// Links and forms of the table change only the table, not the page; without this they load the page.
const place = () => document.getElementById("records");
let asked = 0;

async function show(address, remember, focus) {
  const mine = ++asked;
  place().setAttribute("aria-busy", "true");
  let page, landed;
  try {
    const response = await fetch(address, { headers: { Accept: "text/html" } });
    if (!response.ok) throw new Error(String(response.status));
    landed = response.url;
    page = new DOMParser().parseFromString(await response.text(), "text/html");
    if (!page.getElementById("records")) throw new Error("another page");
  } catch {
    location.assign(address);
    return;
  }
  if (mine !== asked) return;
  const open = [...place().querySelectorAll("details[open][id]")].map((one) => one.id);
  place().replaceWith(document.adoptNode(page.getElementById("records")));
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  if (remember) history.pushState(null, "", landed);
  const target = document.getElementById(focus) ?? document.getElementById("records-status");
  target.focus({ preventScroll: false });
  languages(page);
}

// The links to the same view in the other languages follow the view.
function languages(page) {
  const fresh = page.querySelector("nav.languages");
  const stale = document.querySelector("nav.languages");
  if (fresh && stale) stale.replaceWith(document.adoptNode(fresh));
}

const ours = (address) => address.origin === location.origin && address.pathname === location.pathname;

document.addEventListener("click", (event) => {
  const link = event.target.closest("#records a[href]");
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey
      || event.shiftKey || event.altKey || link.hasAttribute("download")) return;
  const address = new URL(link.href);
  if (!ours(address)) return;
  event.preventDefault();
  show(address, true);
});

document.addEventListener("submit", (event) => {
  const form = event.target.closest("#records form");
  if (!form || !ours(new URL(form.action))) return;
  event.preventDefault();
  const address = new URL(form.action);
  address.search = new URLSearchParams(new FormData(form, event.submitter)).toString();
  show(address, true, form.getAttribute("role") === "search" ? "records-search" : undefined);
});

document.addEventListener("focusin", (event) => {
  if (event.target.matches(".copy")) event.target.select();
});

addEventListener("popstate", () => show(location.href, false));
