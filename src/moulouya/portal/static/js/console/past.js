// The statements asked before, in this browser alone.
import { element } from "./table.js";

const KEY = "moulouya-sql", MOST = 30;

function read() {
  try {
    const found = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(found) ? found.filter((one) => typeof one === "string").slice(0, MOST) : [];
  } catch {
    return [];
  }
}

function write(list) {
  try {
    if (list.length) localStorage.setItem(KEY, JSON.stringify(list));
    else localStorage.removeItem(KEY);
  } catch {
    // A browser that keeps nothing works without a history.
  }
}

/** The list on the page; `choose` is called with the statement that is chosen. */
export function past(section, choose) {
  const list = section.querySelector("#past-list");
  const show = () => {
    const known = read();
    section.hidden = known.length === 0;
    list.replaceChildren(...known.map((sql) => {
      const item = element("li");
      const button = element("button", "", { type: "button", dir: "ltr" });
      button.append(element("code", sql));
      button.addEventListener("click", () => choose(sql));
      item.append(button);
      return item;
    }));
  };
  section.querySelector("#forget").addEventListener("click", () => {
    write([]);
    show();
  });
  show();
  return {
    add(sql) {
      write([sql, ...read().filter((one) => one !== sql)].slice(0, MOST));
      show();
    },
  };
}
