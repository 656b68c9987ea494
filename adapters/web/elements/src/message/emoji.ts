// Emoji by their short names: those that people use most.
const NAMES = `👍 +1 thumbsup|👎 -1 thumbsdown|❤️ heart|😂 joy|🎉 tada|👀 eyes|🙏 pray thanks|🔥 fire|😊 blush|😀 grinning|😃 smiley|😄 smile|😁 grin|😅 sweat_smile|🤣 rofl|🙂 slight_smile|🙃 upside_down|😉 wink|😇 innocent|😍 heart_eyes|🥰 smiling_hearts|😘 kiss|😋 yum|😎 cool sunglasses|🤓 nerd|🤔 thinking|🤨 raised_eyebrow|😐 neutral|🙄 rolling_eyes|😏 smirk|😴 sleeping|🤗 hug|🤝 handshake|😕 confused|😟 worried|😢 cry|😭 sob|😤 triumph|😠 angry|😡 rage|🤯 mind_blown|😱 scream|😳 flushed|🥳 party|😬 grimacing|🤒 sick|🤮 vomit|💀 skull|👻 ghost|👽 alien|🤖 robot|💩 poop|👋 wave|✋ hand|👌 ok_hand|✌️ v|🤞 crossed_fingers|👈 point_left|👉 point_right|👆 point_up|👇 point_down|✊ fist|👏 clap|🙌 raised_hands|💪 muscle|🤷 shrug|🤦 facepalm|💔 broken_heart|💯 100|💥 boom|💤 zzz|💬 speech|✅ check|❌ x|⚠️ warning|❓ question|❗ exclamation|➕ plus|⭐ star|✨ sparkles|⚡ zap|☀️ sun|🌙 moon|🌈 rainbow|☁️ cloud|❄️ snow|☔ umbrella|🌱 seedling|🌹 rose|🌻 sunflower|🍀 clover|🐶 dog|🐱 cat|🦊 fox|🐻 bear|🐼 panda|🦁 lion|🐸 frog|🐵 monkey|🐔 chicken|🐧 penguin|🐦 bird|🐝 bee|🐛 bug|🦋 butterfly|🐢 turtle|🐙 octopus|🍎 apple|🍌 banana|🍓 strawberry|🥑 avocado|🍕 pizza|🍔 burger|🍟 fries|🌮 taco|🍣 sushi|🍪 cookie|🎂 cake birthday|🍫 chocolate|🍿 popcorn|☕ coffee|🍵 tea|🍺 beer|🍻 beers|🍷 wine|🥂 cheers|⚽ soccer|🏀 basketball|🎮 game|🎵 music|🎸 guitar|🎨 art|🎁 gift|🏆 trophy|🚀 rocket|✈️ plane|🚗 car|🚲 bike|🏠 house|⏰ alarm|⏳ hourglass|📅 calendar|📌 pin|📎 paperclip|✏️ pencil|📝 memo|📚 books|💡 idea bulb|🔍 search|🔒 lock|🔑 key|🔔 bell|🔧 wrench|⚙️ gear|💻 laptop|📱 phone|📷 camera|💰 money|🛒 cart|♻️ recycle|🏁 finish|🌍 earth`;

export interface Emoji {
  readonly char: string;
  readonly names: readonly string[];
}

export const emoji: readonly Emoji[] = NAMES.split("|").map((line) => {
  const [char, ...names] = line.split(" ");
  return { char: char!, names };
});

/** Whose names have the text in them; those that begin with it come first. */
export function find(text: string, count: number): Emoji[] {
  const begins = emoji.filter(({ names }) => names.some((name) => name.startsWith(text)));
  const has = emoji.filter((one) => !begins.includes(one) && one.names.some((name) => name.includes(text)));
  return [...begins, ...has].slice(0, count);
}

const exact = new Map(emoji.flatMap(({ char, names }) => names.map((name) => [name, char] as const)));

/** The text with `:names:` as emoji, but not in code. */
export function replaceNames(text: string): string {
  return text.split(/(```[^]*?```|`[^`\n]*`)/).map((part, at) =>
    at % 2 ? part : part.replace(/(^|[\s(]):([a-z0-9_+-]{1,20}):(?=$|[\s).,!?])/g, (all, before: string, name: string) => {
      const char = exact.get(name);
      return char ? before + char : all;
    })).join("");
}
