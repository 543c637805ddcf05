// Something to write a character on, with mouse, pen or finger. Its pixels go to Python as bytes, ink is 255.

const SIDE = 320; // of the canvas in its own dots
const PEN = 26; // about the width of a typeface's strokes, for a character that fills the paper

function render({ model, el }) {
  const root = document.createElement("section");
  root.className = "kdtutor-canvas";
  root.setAttribute("aria-label", "Drawing");
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIDE;
  canvas.setAttribute("role", "img");
  const hint = document.createElement("p");
  hint.textContent = "Write one letter or digit here, large.";
  const clear = button("Clear", () => { clean(); send(); });
  const test = button("Show a test picture", () => model.send({ do: "test" }));
  const buttons = document.createElement("div");
  buttons.className = "buttons";
  buttons.append(clear, test);
  root.append(hint, canvas, buttons);
  el.append(root);

  const pen = canvas.getContext("2d", { willReadFrequently: true });
  Object.assign(pen, { lineWidth: PEN, lineCap: "round", lineJoin: "round", strokeStyle: "#000", fillStyle: "#000" });
  const side = model.get("side");
  const small = document.createElement("canvas");
  small.width = small.height = side;
  const reader = small.getContext("2d", { willReadFrequently: true });
  let last = null; // where the pen is, while it is down

  function button(words, pressed) {
    const made = document.createElement("button");
    made.type = "button";
    made.dataset.lmSuppressShortcuts = "true"; // JupyterLab would take the arrow keys
    made.textContent = words;
    made.addEventListener("click", pressed);
    return made;
  }

  function wipe() { pen.clearRect(0, 0, SIDE, SIDE); }

  function clean() {
    wipe();
    model.set("shown", new DataView(new ArrayBuffer(0)));
  }

  function send() {
    reader.clearRect(0, 0, side, side);
    reader.drawImage(canvas, 0, 0, side, side);
    const dots = reader.getImageData(0, 0, side, side).data;
    const ink = new Uint8Array(side * side);
    for (let place = 0; place < ink.length; place += 1) ink[place] = dots[4 * place + 3]; // the ink is what is opaque
    model.set("pixels", new DataView(ink.buffer));
    model.save_changes(); // while Python still answers, only the last of these is kept
  }

  function at(event) {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) * SIDE) / box.width, ((event.clientY - box.top) * SIDE) / box.height];
  }

  function line(to) {
    pen.beginPath();
    pen.moveTo(...last);
    pen.lineTo(...to);
    pen.stroke();
    last = to;
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    canvas.setPointerCapture(event.pointerId);
    if (model.get("shown").byteLength) clean(); // a drawing does not start on a test picture
    last = at(event);
    line(last);
    send();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (last === null) return;
    for (const part of event.getCoalescedEvents?.() ?? [event]) line(at(part));
    send();
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { last = null; });

  function show() {
    const picture = model.get("shown");
    if (!picture.byteLength) return;
    const width = Math.sqrt(picture.byteLength);
    const dot = SIDE / width;
    wipe();
    for (let place = 0; place < picture.byteLength; place += 1) {
      pen.globalAlpha = picture.getUint8(place) / 255;
      pen.fillRect((place % width) * dot, Math.floor(place / width) * dot, dot, dot);
    }
    pen.globalAlpha = 1;
  }

  function describe() { canvas.setAttribute("aria-label", model.get("description")); }
  function theme() { root.classList.toggle("dark", model.get("theme") === "dark"); }
  function large() { root.classList.toggle("large", model.get("large")); }

  const views = { shown: show, description: describe, theme, large };
  for (const [name, view] of Object.entries(views)) {
    view();
    model.on(`change:${name}`, view);
  }
  return () => {
    for (const [name, view] of Object.entries(views)) model.off(`change:${name}`, view);
  };
}

export default { render };
