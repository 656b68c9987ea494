/** The page's element of that id. */
export function $<T extends HTMLElement = HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

export function say(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}
