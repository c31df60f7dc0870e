// A button that copies a link or the code of a frame; without it the text can still be selected.
const words = { ar: ["نسخ", "نُسخ"], fr: ["Copier", "Copié"], en: ["Copy", "Copied"] };
const [copy, copied] = words[document.documentElement.lang] ?? words.en;

for (const box of navigator.clipboard ? document.querySelectorAll(".copy") : []) {
  const field = box.querySelector("input, textarea");
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = copy;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(field.value);
    button.textContent = copied;
    setTimeout(() => { button.textContent = copy; }, 2000);
  });
  box.append(button);
}
