// Above the gallery's table: a field, and a button for each topic and task, that leave the rows of the
// table and the experiments below it that have all of these words.
document.addEventListener("DOMContentLoaded", () => {
  const gallery = document.querySelector("section#gallery");
  const table = gallery?.querySelector("table");
  if (!table) return;
  const topics = { L4: "L4", "normalised gradients": "normal", "eighteen optimizers": "eighteen" };
  const tasks = ["MNIST", "Fashion", "CIFAR-10", "digits", "regression", "quadratic", "sequences"];

  // Below the table, an experiment is a section, or a paragraph that begins with the link to its page,
  // with what follows it up to the next one.
  const sections = [...gallery.querySelectorAll(":scope > section")];
  const experimentsOf = (section) => {
    const experiments = [];
    for (const part of section.children) {
      const begins = part.matches("section") || part.firstElementChild?.matches("p > a[href*='reproductions/']");
      if (begins) experiments.push([]);
      experiments.at(-1)?.push(part);
    }
    return experiments;
  };
  const textOf = (parts) => parts.map((part) => part.textContent).join(" ");

  const field = document.createElement("input");
  field.type = "search";
  field.placeholder = "L4, MNIST, normalised …";
  const show = () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    const matches = (text) => words.every((word) => text.toLowerCase().includes(word));
    for (const row of table.tBodies[0].rows) row.hidden = !matches(row.textContent);
    for (const section of sections) {
      const title = section.querySelector("h2").textContent;
      const shown = experimentsOf(section).map((parts) => {
        const fits = matches(`${title} ${textOf(parts)}`);
        for (const part of parts) part.hidden = !fits;
        return fits;
      });
      section.hidden = !shown.includes(true);
    }
    for (const button of buttons) button.ariaPressed = button.value === field.value;
  };
  field.addEventListener("input", show);

  const buttons = [];
  const rowOf = (name, words) => {
    const row = document.createElement("div");
    row.append(`${name}: `);
    for (const [label, word] of words) {
      const button = document.createElement("button");
      button.type = "button";
      button.value = word;
      button.append(label);
      button.addEventListener("click", () => {
        field.value = field.value === word ? "" : word;
        show();
      });
      buttons.push(button);
      row.append(button, " ");
    }
    return row;
  };
  const label = document.createElement("label");
  label.append("Show only what has ", field);
  const filter = document.createElement("div");
  filter.className = "filter";
  filter.append(label, rowOf("Topic", Object.entries(topics)), rowOf("Task", tasks.map((task) => [task, task])));
  (table.closest(".table-wrapper") ?? table).before(filter);
  show();
});
