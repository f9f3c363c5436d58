// Builds elements. Text only ever becomes text nodes, so no string of a file can become markup.

const SVG = "http://www.w3.org/2000/svg";

/** Make an HTML element: attributes by name, `on` for listeners by event, children as strings or nodes. */
export function element(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** Make an SVG element. */
export function drawing(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

/** Move an element by percentages of its parent; a style attribute would be against the page's policy. */
export function placed(node, sides) {
  for (const [side, share] of Object.entries(sides)) node.style[side] = `${100 * share}%`;
  return node;
}

function filled(node, { on = {}, ...attributes }, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  for (const [event, listener] of Object.entries(on)) node.addEventListener(event, listener);
  node.append(...children.flat(Infinity).filter((child) => child != null && child !== false));
  return node;
}
