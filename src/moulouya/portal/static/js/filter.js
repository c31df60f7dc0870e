/* A box that leaves only the columns whose entry in the dictionary holds the words typed. */
const plain = (text) => text.normalize("NFKD").replace(/[\p{Mn}\u0640]/gu, "").toLowerCase();
const box = document.querySelector("[data-filter]");
const list = box && document.getElementById(box.dataset.filter);
if (list) {
  const input = box.querySelector("input");
  const status = box.querySelector("[role=status]");
  const entries = [...list.querySelectorAll("li[id^=column-]")];
  const texts = entries.map((entry) => plain(entry.textContent));
  const groups = [...list.querySelectorAll("details.group")];
  const open = groups.map((group) => group.open);
  box.hidden = false;
  // Not every browser opens a group by itself when an address leads to a column in it.
  const reveal = () => {
    const group = document.getElementById(decodeURIComponent(location.hash.slice(1)))?.closest("details.group");
    if (group && !group.open) {
      group.open = true;
      group.querySelector(":target")?.scrollIntoView();
    }
  };
  addEventListener("hashchange", reveal);
  reveal();
  input.addEventListener("input", () => {
    const words = plain(input.value).split(/\s+/).filter(Boolean);
    let shown = 0;
    entries.forEach((entry, i) => {
      entry.hidden = !words.every((word) => texts[i].includes(word));
      if (!entry.hidden) shown += 1;
    });
    groups.forEach((group, i) => {
      group.hidden = !group.querySelector("li[id^=column-]:not([hidden])");
      group.open = words.length ? true : open[i];
    });
    status.textContent = shown ? "" : status.dataset.none;
  });
}
