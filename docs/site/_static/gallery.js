// A field above the gallery's table that leaves the rows with what is typed: a topic, a task, a name.
document.addEventListener("DOMContentLoaded", () => {
  const table = document.querySelector("section#gallery table");
  if (!table) return;
  const field = document.createElement("input");
  field.type = "search";
  field.placeholder = "L4, MNIST, normalised …";
  const label = document.createElement("label");
  label.className = "filter";
  label.append("Show only rows with ", field);
  const frame = table.closest(".table-wrapper") ?? table;
  frame.before(label);
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of table.tBodies[0].rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    }
  });
});
