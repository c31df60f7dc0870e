// Search in an export: a classic script, as pages opened from a disk may not load modules.
// The index (globalThis.moulouyaIndex) comes from a script of its own.
"use strict";
(() => {
  const { folding, datasets } = globalThis.moulouyaIndex;
  const gone = new RegExp(`[${folding.gone}]`, "gu");
  const article = new RegExp(folding.article, "u");
  const MOST = 50;

  /** A text as the portal's search compares it: the same rules, told by the index. */
  function fold(text) {
    let folded = "";
    for (const char of text) {
      folded += Object.hasOwn(folding.becomes, char)
        ? folding.becomes[char]
        : char.normalize("NFKD").replace(gone, "").toLowerCase();
    }
    return folded.match(/[\p{L}\p{N}]+/gu) ?? [];
  }

  /** The words of a text, without the Arabic article. */
  function words(text) {
    return fold(text).map((word) =>
      [...word.replace(article, "")].slice(0, folding.longestWord).join(""));
  }

  /** The words of a query: single letters only where there is nothing else. */
  function terms(query) {
    const found = words([...query].slice(0, folding.longestQuery).join(""));
    const long = found.filter((word) => [...word].length > 1 || /^\p{Nd}$/u.test(word));
    return long.length ? long : found;
  }

  /** True when one letter more, less, other or exchanged makes one word of the other. */
  function alike(one, other) {
    if (Math.abs(one.length - other.length) > 1) return false;
    let start = 0;
    while (start < one.length && one[start] === other[start]) start += 1;
    let end = 0;
    while (end < Math.min(one.length, other.length) - start
      && one[one.length - 1 - end] === other[other.length - 1 - end]) end += 1;
    const a = one.slice(start, one.length - end);
    const b = other.slice(start, other.length - end);
    return a.length <= 1 && b.length <= 1
      || a.length === 2 && b.length === 2 && a[0] === b[1] && a[1] === b[0];
  }

  /** What a word is worth in a list of words: whole, as a beginning, or with a slip. */
  function worth(word, list, slips) {
    let best = 0;
    for (const known of list) {
      if (known === word) return 3;
      if (word.length > 1 && known.startsWith(word)) best = Math.max(best, 2);
      else if (slips && word.length > 3 && alike(word, known)) best = Math.max(best, 1);
    }
    return best;
  }

  function score(entry, asked, slips) {
    let total = 0;
    for (const word of asked) {
      const best = Math.max(4 * worth(word, entry.firstWords, slips),
        worth(word, entry.restWords, slips));
      if (!best) return 0;
      total += best;
    }
    return total;
  }

  /** The datasets that hold every word, the best first; slips are forgiven where nothing fits. */
  function find(query) {
    const asked = terms(query);
    if (!asked.length) return [];
    for (const slips of [false, true]) {
      const hits = datasets.map((entry) => [score(entry, asked, slips), entry])
        .filter(([points]) => points);
      if (hits.length) return hits.sort((a, b) => b[0] - a[0]).map(([, entry]) => entry);
    }
    return [];
  }

  for (const entry of datasets) {
    entry.firstWords = entry.first.split(" ");
    entry.restWords = entry.rest.split(" ");
  }
  globalThis.moulouyaSearch = { fold, words, terms, find };

  const shown = document.getElementById("found");
  if (!shown) return;
  const language = document.documentElement.lang;
  const query = new URLSearchParams(location.search).get("q") ?? "";
  document.getElementById("q").value = query;
  if (!query.trim()) return;
  const hits = find(query);
  const heading = document.createElement("h2");
  heading.textContent = hits.length ? shown.dataset.found : shown.dataset.none;
  const list = document.createElement("ul");
  list.className = "cards";
  for (const entry of hits.slice(0, MOST)) {
    const link = document.createElement("a");
    link.href = shown.dataset.top + entry.page[language];
    link.textContent = entry.title[language];
    const title = document.createElement("h3");
    title.append(link);
    const about = document.createElement("p");
    about.textContent = entry.about[language];
    const item = document.createElement("li");
    item.className = "card";
    item.append(title, about);
    list.append(item);
  }
  shown.replaceChildren(heading, list);
})();
