// Elements whose data is text: nothing in this page makes markup of what a server, an exchange or a user says.

/** This makes an element; children are elements or text, attributes that are null or false are left out. */
export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) mark(made, name, value);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** An attribute gets its value, or goes where that is null or false. */
export function mark(node, name, value) {
  if (value === null || value === undefined || value === false) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value === true ? "" : value);
}

/** A node says this text; where it does already nothing is touched, so a selection in it stays. */
export function say(node, text) {
  const said = text === null || text === undefined ? "–" : String(text);
  if (node.textContent !== said) node.textContent = said;
}

export const byId = (id) => document.getElementById(id);

const kept = new WeakMap();

/**
 * The children of `parent` become those of `items`, in their order.
 *
 * One that was there stays the same element, so that focus stays where it is: `make(item)` returns
 * `{ node, update(item) }`, and `keyOf(item)` says which it is.
 */
export function keyed(parent, items, keyOf, make) {
  const before = kept.get(parent) ?? new Map();
  const after = new Map();
  for (const item of items) {
    let key = keyOf(item);
    while (after.has(key)) key += "'";
    const part = before.get(key) ?? make(item);
    before.delete(key);
    part.update(item);
    after.set(key, part);
  }
  for (const { node } of before.values()) node.remove();
  const focused = document.activeElement;
  let next = parent.firstElementChild;
  for (const { node } of after.values()) {
    if (node === next) next = next.nextElementSibling;
    else parent.insertBefore(node, next);
  }
  // What is moved loses the focus.
  if (focused !== document.activeElement && parent.contains(focused)) focused.focus({ preventScroll: true });
  kept.set(parent, after);
}

/** A table has these columns `{ name, kind, cell(item) -> text or node, mark(td, item) }`; its update takes rows. */
export function table(caption, columns, keyOf) {
  const body = el("tbody");
  const heads = columns.map(({ name, kind }) => el("th", { scope: "col", class: kind }, name));
  const node = el("table", {}, el("caption", { class: "unseen" }, caption), el("thead", {}, el("tr", {}, ...heads)), body);
  const make = (first) => {
    const cells = columns.map(({ name, kind, make: makeCell }) => {
      const td = el("td", { class: kind, "data-name": name });
      return { td, within: makeCell ? td.appendChild(makeCell(first)) : td };
    });
    return {
      node: el("tr", {}, ...cells.map(({ td }) => td)),
      update(item) {
        columns.forEach(({ cell, mark: set }, i) => {
          say(cells[i].within, cell(item));
          set?.(cells[i].td, item);
        });
      },
    };
  };
  return { node, update: (items) => keyed(body, items, keyOf, make) };
}
