// What HTML alone cannot do: arrow keys in the matrix, an address bar that follows the frame, the UI's own theme, and
// a page that follows while reports are still being read. Without this script every page works as it is.
"use strict";

const base = document.body.dataset.base;
const here = location.pathname.slice(base.length) + location.search + location.hash;

// The frame is of the same origin; when it is not, or there is none, this is null.
const outer = (() => {
  try {
    return window.parent !== window && window.parent.location.origin === location.origin ? window.parent : null;
  } catch {
    return null;
  }
})();

if (outer) {
  followAddress(outer);
  followTheme(outer.document.documentElement);
}
document.querySelectorAll("table.matrix").forEach(moveByArrows);
const waiting = document.querySelector("[data-pending]");
if (waiting) setTimeout(() => location.reload(), 2500);
for (const link of document.querySelectorAll("a[data-outside]")) {
  // A sandboxed frame may not open windows; the address can at least be read and copied.
  if (!outer) link.target = "_blank";
  else if (!link.href.startsWith(location.origin)) link.replaceWith(document.createTextNode(link.href));
}

// The address of the UI's page keeps the frame's place behind its #, so that it can be sent to a colleague.
function followAddress(page) {
  const mark = "data-quality";
  const wanted = page.location.hash.slice(1);
  if (window.name !== mark) {
    window.name = mark; // survives navigation inside the frame: only its first page looks at the address
    if (wanted.startsWith("/") && !wanted.startsWith("//") && wanted !== here) {
      location.replace(base + wanted);
      return;
    }
  }
  page.history.replaceState(page.history.state, "", page.location.pathname + page.location.search + "#" + here);
}

function followTheme(root) {
  const take = () => {
    const dark = root.classList.contains("dark");
    const light = root.classList.contains("light");
    if (dark || light) document.documentElement.dataset.theme = dark ? "dark" : "light";
  };
  take();
  new MutationObserver(take).observe(root, { attributes: true, attributeFilter: ["class"] });
}

// One stop for the Tab key per month; inside it the arrow keys move.
function moveByArrows(table) {
  const rows = [...table.tBodies[0].rows].map((row) => [...row.cells].map((cell) => cell.querySelector("a")));
  const links = rows.flat().filter(Boolean);
  if (!links.length) return;
  links.forEach((link) => (link.tabIndex = -1));
  links[0].tabIndex = 0;
  const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  table.addEventListener("keydown", (event) => {
    const current = event.target.closest("a");
    let target = null;
    if (event.key in steps) {
      const [down, right] = steps[event.key];
      let row = rows.findIndex((cells) => cells.includes(current));
      let column = rows[row].indexOf(current);
      do {
        row += down;
        column += right;
      } while (rows[row] && column > 0 && column < rows[row].length && !rows[row][column]);
      target = rows[row] && rows[row][column];
    } else if (event.key === "Home" || event.key === "End") {
      const inRow = rows.find((cells) => cells.includes(current)).filter(Boolean);
      target = event.key === "Home" ? inRow[0] : inRow[inRow.length - 1];
    } else return;
    event.preventDefault();
    if (target) {
      links.forEach((link) => (link.tabIndex = -1));
      target.tabIndex = 0;
      target.focus();
    }
  });
}
