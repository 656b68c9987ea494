/**
 * Where a picture is that somebody chose: by https, or on the page's own site. Elsewhere none is
 * loaded.
 */
export function pictureAt(address: string | undefined, page: string): string | undefined {
  if (!address || !URL.canParse(address, page)) return undefined;
  const { href, protocol, origin } = new URL(address, page);
  return protocol === "https:" || (protocol === "http:" && origin === new URL(page).origin) ? href : undefined;
}
