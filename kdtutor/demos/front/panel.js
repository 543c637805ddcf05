// The live view of an explorer. The browser's own controls: they have names, step by keyboard and can be touched.

function make(kind, attributes = {}, ...children) {
  const element = document.createElement(kind);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  // JupyterLab would take the arrow keys from a slider, to move among headings; it asks the focused element itself.
  if (["input", "select", "textarea", "button"].includes(kind)) element.dataset.lmSuppressShortcuts = "true";
  element.append(...children);
  return element;
}

function slider(control, index, moved) {
  const value = make("span", { class: "value", "aria-hidden": "true" });
  const input = make("input", { type: "range", min: 0, max: control.shown.length - 1, step: 1 });
  const show = (number) => {
    input.value = number;
    value.textContent = control.shown[number];
    input.setAttribute("aria-valuetext", control.shown[number]);
  };
  show(index);
  input.addEventListener("input", () => {
    show(Number(input.value));
    moved(Number(input.value));
  });
  const label = make("label", { class: "control" }, make("span", { class: "name" }, control.label), value, input);
  return { label, input, show };
}

function menu(control, index, moved) {
  const input = make("select", {}, ...control.shown.map((words) => make("option", {}, words)));
  const show = (number) => { input.selectedIndex = number; };
  show(index);
  input.addEventListener("change", () => moved(input.selectedIndex));
  return { label: make("label", { class: "control" }, make("span", { class: "name" }, control.label), input), input, show };
}

function figure(picture) {
  const image = make("img", { src: picture.src, alt: picture.alt });
  image.style.setProperty("--inches", picture.inches);
  return image;
}

function dark(model, root) {
  const theme = model.get("theme");
  if (theme !== "auto") return theme === "dark";
  const lab = root.ownerDocument.querySelector("[data-jp-theme-light]");
  return lab !== null && lab.dataset.jpThemeLight === "false";
}

function render({ model, el }) {
  const root = make("section", { class: "kdtutor-explorer", "aria-label": model.get("heading") });
  const toTheme = make("button", { type: "button", class: "theme" });
  const head = make("div", { class: "head" }, make("h3", {}, model.get("heading")), toTheme);
  const asking = make("form", { class: "question" });
  const verdict = make("div", { class: "verdict", role: "status" });
  const controls = make("div", { class: "controls" });
  const run = make("button", { type: "button", class: "run" }, model.get("run_label"));
  const sentence = make("p", { class: "sentence", "aria-live": "polite" });
  const pictures = make("div", { class: "pictures" });
  root.append(head, make("p", {}, model.get("explains")), asking, verdict, controls, run, sentence, pictures);
  el.append(root);

  const shown = {};
  for (const control of model.get("controls")) {
    const moved = (number) => {
      model.set("chosen", { ...model.get("chosen"), [control.name]: number });
      model.save_changes();
    };
    shown[control.name] = (control.kind === "menu" ? menu : slider)(control, model.get("chosen")[control.name], moved);
    controls.append(shown[control.name].label);
  }
  run.addEventListener("click", () => model.send({ do: model.get("running") ? "stop" : "run" }));
  toTheme.addEventListener("click", () => {
    model.set("theme", dark(model, el) ? "light" : "dark");
    model.save_changes();
  });

  const answer = make("textarea", { rows: 2 });
  const commit = make("button", { type: "submit" }, "Commit");
  const asked = make("p", { class: "asked" });
  asking.append(
    asked,
    make("label", {}, make("span", { class: "name" }, "Your prediction (for a class: one answer a line)"), answer),
    commit,
  );
  asking.addEventListener("submit", (event) => {
    event.preventDefault();
    model.send({ do: "commit", text: answer.value });
  });

  const views = {
    theme() {
      const isDark = dark(model, el);
      root.classList.toggle("dark", isDark);
      toTheme.textContent = isDark ? "Light" : "Dark";
      if (isDark && model.get("theme") === "auto") {
        model.set("theme", "dark");
        model.save_changes();
      }
    },
    large() { root.classList.toggle("large", model.get("large")); },
    question() {
      const question = model.get("question");
      asking.hidden = question === null;
      for (const part of [controls, sentence, pictures]) part.hidden = question !== null;
      run.hidden = question !== null || !model.get("run_label");
      if (question !== null) asked.textContent = question.unit ? `${question.text} (${question.unit})` : question.text;
    },
    verdict() {
      const said = model.get("verdict");
      verdict.replaceChildren();
      if (said.problem) verdict.append(make("p", { class: "problem" }, said.problem));
      if (said.sentence) verdict.append(make("p", { class: "asked" }, said.asked), make("p", {}, said.sentence));
      if (said.picture) verdict.append(figure(said.picture));
    },
    chosen() {
      for (const [name, number] of Object.entries(model.get("chosen"))) shown[name].show(number);
    },
    running() {
      run.textContent = model.get("running") ? "Stop" : model.get("run_label");
      for (const { input } of Object.values(shown)) input.disabled = model.get("running");
    },
    seen() {
      const { pictures: drawn = [], sentence: said = "" } = model.get("seen");
      sentence.textContent = said;
      if (drawn.length === pictures.children.length) {
        // The images stay where they are: nothing flickers, and nobody loses their place.
        drawn.forEach((picture, place) => Object.assign(pictures.children[place], { src: picture.src, alt: picture.alt }));
      } else {
        pictures.replaceChildren(...drawn.map(figure));
      }
    },
  };
  for (const [name, view] of Object.entries(views)) {
    view();
    model.on(`change:${name}`, view);
  }
  return () => {
    for (const [name, view] of Object.entries(views)) model.off(`change:${name}`, view);
  };
}

export default { render };
