// A box that scrolls sideways can be reached, and so read, with the keyboard.
function makeScrollableBoxesReachable() {
  for (const box of document.querySelectorAll("pre, .table-wrapper, div.math, .output.text_html")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
}
window.addEventListener("load", makeScrollableBoxesReachable);
window.addEventListener("resize", makeScrollableBoxesReachable);
