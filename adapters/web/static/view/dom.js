// The few helpers that the views share. Text from the wire only ever becomes text nodes.

export const $ = (id) => document.getElementById(id);

/** An element: h("button.quiet", {type: "button", onclick}, "Send"). Properties that an element lacks become attributes. */
export function h(what, props = {}, ...children) {
  const [tag, ...classes] = what.split(".");
  const element = document.createElement(tag);
  element.classList.add(...classes);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null) continue;
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== undefined && child !== null && child !== false));
  return element;
}

export function icon(name) {
  const SVG = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(SVG, "svg");
  const use = document.createElementNS(SVG, "use");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/** A person's initials on a colour of their own. */
export function avatar(id, name) {
  const words = name.trim().split(/[\s._-]+/).filter(Boolean);
  const initials = (words.length > 1 ? [words[0], words.at(-1)] : words).map((word) => [...word][0].toUpperCase()).join("");
  const element = h("span.avatar", { "aria-hidden": "true" }, initials || "?");
  element.style.setProperty("--hue", hue(id));
  return element;
}

/** A hue for a user, the same on every page. */
export function hue(id) {
  let hash = 2166136261; // FNV-1a
  for (const char of id) hash = Math.imul(hash ^ char.codePointAt(0), 16777619);
  return ((hash >>> 8) % 24) * 15;
}

/** Runs `act` before the next paint, once however often it is asked for. */
export function coalesce(act) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      act();
    });
  };
}

/** Sets text only where it differs, so that live regions do not speak twice. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
