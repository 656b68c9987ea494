// The page's words in the reader's language; those of the chat are the elements' own.

const en = {
  refused: "Your token is no longer accepted. Please sign in again.",
  signin: "Sign in",
  signout: "Sign out",
  chat: "Chat",
  name: "Your name",
  token: "Token",
  "token.help": "It stays in this tab and is forgotten when you close it.",
  locked: "This service runs in development mode. To sign in with just a name, open the address that it printed in its terminal when it started: the one that ends in",
  "lead.locked": "Or paste a token: “parley token” makes one, where the service was started.",
  "lead.token": "Paste the access token that your product gave you.",
  "lead.name": "Development mode: any name will do.",
  "by.name": "Use a name instead",
  "by.token": "Use a token instead",
  "no.name": "Type your name first.",
  "no.token": "Paste a token first.",
  unreachable: "The service cannot be reached.",
  "key.wrong": "The key in the address was not this service’s: it is another’s, or was cut off.",
  "key.kept": "The key in the address was not this service’s. The one that this browser had is still here: go on with that.",
  failed: "That did not work: {why}.",
  appearance: "Appearance",
  system: "As the system",
  light: "Light",
  dark: "Dark",
  contrast: "High contrast",
};

export type Word = keyof typeof en;
type Words = Readonly<Record<Word, string>>;

const de: Words = {
  refused: "Dein Token wird nicht mehr angenommen. Bitte melde dich wieder an.",
  signin: "Anmelden",
  signout: "Abmelden",
  chat: "Chat",
  name: "Dein Name",
  token: "Token",
  "token.help": "Es bleibt in diesem Tab und wird vergessen, wenn du ihn schließt.",
  locked: "Dieser Dienst läuft im Entwicklungsmodus. Um dich nur mit einem Namen anzumelden, öffne die Adresse, die er beim Start in seinem Terminal ausgegeben hat: die mit dem Ende",
  "lead.locked": "Oder füge ein Token ein: „parley token“ macht eines, dort, wo der Dienst gestartet wurde.",
  "lead.token": "Füge das Zugangstoken ein, das du von deinem Produkt hast.",
  "lead.name": "Entwicklungsmodus: jeder Name ist recht.",
  "by.name": "Mit einem Namen anmelden",
  "by.token": "Mit einem Token anmelden",
  "no.name": "Gib erst deinen Namen ein.",
  "no.token": "Füge erst ein Token ein.",
  unreachable: "Der Dienst ist nicht erreichbar.",
  "key.wrong": "Der Schlüssel in der Adresse war nicht der dieses Dienstes: er gehört zu einem anderen oder wurde abgeschnitten.",
  "key.kept": "Der Schlüssel in der Adresse war nicht der dieses Dienstes. Der, den dieser Browser hatte, ist noch da: mach damit weiter.",
  failed: "Das hat nicht geklappt: {why}.",
  appearance: "Aussehen",
  system: "Wie das System",
  light: "Hell",
  dark: "Dunkel",
  contrast: "Hoher Kontrast",
};

const ru: Words = {
  refused: "Ваш токен больше не принимается. Войдите снова.",
  signin: "Войти",
  signout: "Выйти",
  chat: "Чат",
  name: "Ваше имя",
  token: "Токен",
  "token.help": "Он остаётся в этой вкладке и забывается, когда вы её закроете.",
  locked: "Этот сервис работает в режиме разработки. Чтобы войти только по имени, откройте адрес, который он вывел в терминале при запуске: тот, что оканчивается на",
  "lead.locked": "Или вставьте токен: его создаёт «parley token» там, где запущен сервис.",
  "lead.token": "Вставьте токен доступа, который вам дал ваш продукт.",
  "lead.name": "Режим разработки: подойдёт любое имя.",
  "by.name": "Войти по имени",
  "by.token": "Войти по токену",
  "no.name": "Сначала введите имя.",
  "no.token": "Сначала вставьте токен.",
  unreachable: "Сервис недоступен.",
  "key.wrong": "Ключ в адресе — не от этого сервиса: он от другого или обрезан.",
  "key.kept": "Ключ в адресе — не от этого сервиса. Тот, что был у браузера, остался: продолжайте с ним.",
  failed: "Не получилось: {why}.",
  appearance: "Оформление",
  system: "Как в системе",
  light: "Светлое",
  dark: "Тёмное",
  contrast: "Высокий контраст",
};

const languages: Readonly<Record<string, Words>> = { en, de, ru };

/** The words in the first language of the browser, or in English. */
function chosen(): { readonly lang: string; readonly words: Words } {
  const lang = navigator.language;
  const words = languages[lang.split("-")[0]!.toLowerCase()];
  return words ? { lang, words } : { lang: "en", words: en };
}

const { lang, words } = chosen();

export const t = (word: Word, why = ""): string => words[word].replace("{why}", () => why);

/** Has the page be in that language, and the chat in it too. */
export function translate(...parts: readonly ParentNode[]): void {
  Object.assign(document.documentElement, { lang, dir: "ltr" });
  for (const element of parts.flatMap((part) => [...part.querySelectorAll<HTMLElement>("[data-word]")])) {
    const text = t(element.dataset["word"] as Word);
    if (element.localName === "main") element.ariaLabel = text;
    else element.textContent = text;
  }
}
