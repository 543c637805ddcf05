// The head of the page: which explorer is on stage, stepping by keyboard or a presenter's remote, light and dark.

const TYPED = "input, select, textarea, [contenteditable=true]"; // there arrows and letters mean something else

function render({ model, el }) {
  const page = el.ownerDocument;
  const wish = page.defaultView.matchMedia("(prefers-color-scheme: dark)");
  const nav = page.createElement("nav");
  nav.className = "kdtutor-bar";
  nav.setAttribute("aria-label", "Explorers");

  function button(words, title, pressed) {
    const made = page.createElement("button");
    made.type = "button";
    made.textContent = words;
    if (title) made.title = title;
    made.addEventListener("click", pressed);
    return made;
  }

  function put(name, value) {
    model.set(name, value);
    model.save_changes();
  }

  function step(by) {
    const to = model.get("index") + by;
    if (to < 0 || to >= model.get("titles").length) return;
    put("index", to);
  }

  const rooms = model.get("titles").map((title, place) => button(title, "", () => put("index", place)));
  const back = button("‹", "", () => step(-1));
  back.setAttribute("aria-label", "Previous explorer");
  const on = button("›", "", () => step(1));
  on.setAttribute("aria-label", "Next explorer");
  const theme = button("", "key d", () => put("theme", model.get("theme") === "dark" ? "light" : "dark"));
  theme.className = "theme";
  nav.append(back, ...rooms, on, theme);
  el.append(nav);

  function pressed(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const typing = event.target.closest?.(TYPED);
    const by = { PageDown: 1, PageUp: -1, ...(typing ? {} : { ArrowRight: 1, ArrowLeft: -1 }) }[event.key];
    if (by) {
      step(by);
    } else if (event.key === "d" && !typing) {
      theme.click();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation(); // a slider would take a step as well
  }
  page.addEventListener("keydown", pressed, true);

  function wished() { put("theme", wish.matches ? "dark" : "light"); }
  wish.addEventListener("change", wished);

  const views = {
    index() {
      const index = model.get("index");
      rooms.forEach((room, place) => {
        if (place === index) room.setAttribute("aria-current", "page");
        else room.removeAttribute("aria-current");
      });
      back.disabled = index === 0;
      on.disabled = index === rooms.length - 1;
      nav.scrollIntoView({ block: "end" }); // Voila scrolls a box of its own, not the window
    },
    theme() {
      const now = model.get("theme");
      theme.textContent = now === "dark" ? "Light" : "Dark";
      nav.classList.toggle("dark", now === "dark");
      if (now !== "auto") page.documentElement.dataset.kdtutorTheme = now;
    },
  };
  for (const [name, view] of Object.entries(views)) {
    view();
    model.on(`change:${name}`, view);
  }
  if (model.get("theme") === "auto") wished();
  model.send({ do: "furnish" }); // what is made from now on is heard of here
  return () => {
    page.removeEventListener("keydown", pressed, true);
    wish.removeEventListener("change", wished);
    for (const [name, view] of Object.entries(views)) model.off(`change:${name}`, view);
  };
}

export default { render };
