// @ts-check
// The emoji of the picker by group, each with the words that a search finds it by. Pure.

/** @typedef {{emoji: string, words: string}} Emoji */

const GROUPS = {
  "Often used":
    "👍 thumbs up yes ok|❤️ red heart love|😂 tears of joy laughing|😮 surprised wow|😢 crying sad|🙏 folded hands thanks please|🎉 party celebration tada|🔥 fire hot",
  Smileys: `😀 grinning happy|😃 big smile|😄 smiling eyes|😁 beaming|😆 squinting laugh|😅 sweat smile relief|🤣 rolling on the floor
    |🙂 slight smile|🙃 upside down|😉 wink|😊 blush smile|😇 angel halo|🥰 smiling hearts love|😍 heart eyes love|🤩 star eyes
    |😘 kiss|😋 yummy|😛 tongue|😜 winking tongue|🤪 zany|🤑 money|🤗 hug|🤭 hand over mouth oops|🤫 shush quiet|🤔 thinking hmm
    |🤐 zipped|🤨 raised eyebrow|😐 neutral|😑 expressionless|😶 no mouth|😏 smirk|😒 unamused|🙄 rolling eyes|😬 grimace|😌 relieved
    |😔 pensive sad|😪 sleepy|😴 sleeping|😷 mask ill|🤒 fever ill|🤕 hurt bandage|🤢 nauseated|🤮 vomiting|🤧 sneezing cold
    |🥵 hot|🥶 freezing cold|🥴 woozy|😵 dizzy|🤯 mind blown|🤠 cowboy|🥳 party hat|😎 sunglasses cool|🤓 nerd|🧐 monocle|😕 confused
    |😟 worried|🙁 frown|😲 astonished|😳 flushed|🥺 pleading|😨 fearful|😰 anxious|😭 sobbing crying|😱 scream|😖 confounded
    |😞 disappointed|😩 weary|😫 tired|🥱 yawn bored|😤 huffing|😡 angry red|😠 angry|🤬 swearing|😈 devil|💀 skull dead|💩 poo
    |🤡 clown|👻 ghost|👽 alien|🤖 robot|🎃 pumpkin halloween|😺 cat smile|🙈 see no evil monkey|🙉 hear no evil|🙊 speak no evil`,
  People: `👋 wave hello bye|✋ raised hand stop|🖖 vulcan|👌 ok hand|🤌 pinched fingers|✌️ victory peace|🤞 fingers crossed luck
    |🤟 love you|🤘 rock|🤙 call me|👈 left|👉 right|👆 up|👇 down|☝️ point one|👎 thumbs down no|✊ fist|👊 punch|👏 clap applause
    |🙌 raised hands hooray|👐 open hands|🤝 handshake deal|✍️ writing|💅 nails|🤳 selfie|💪 strong muscle|👀 eyes look|🧠 brain
    |👶 baby|🧒 child|👩 woman|👨 man|🧓 old|👮 police|👷 builder|🕵️ detective|👩‍⚕️ doctor|👩‍🏫 teacher|👩‍💻 programmer computer
    |👩‍🚀 astronaut|🤷 shrug|🤦 facepalm|🙋 hand up question|🙇 bow sorry|💃 dance|🕺 dancing|🏃 run|🚶 walk|👫 couple
    |👨‍👩‍👧 family|👨‍👩‍👧‍👦 family of four`,
  "Hearts and signs": `💛 yellow heart|💚 green heart|💙 blue heart|💜 purple heart|🖤 black heart|🤍 white heart|🧡 orange heart|💔 broken heart
    |💕 two hearts|💯 hundred perfect|✅ check done|❌ cross no|❗ exclamation|❓ question|⚠️ warning|💤 sleep|✨ sparkles|⭐ star
    |🌟 glowing star|💥 boom|💫 dizzy star|💬 speech|💭 thought|➕ plus|➖ minus|♻️ recycle|🆗 ok|🔴 red|🟢 green|🔵 blue|0️⃣ zero|1️⃣ one|2️⃣ two|3️⃣ three`,
  Nature: `🐶 dog|🐱 cat|🐭 mouse|🐰 rabbit|🦊 fox|🐻 bear|🐼 panda|🐯 tiger|🦁 lion|🐮 cow|🐷 pig|🐸 frog|🐵 monkey|🐔 chicken
    |🐧 penguin|🐦 bird|🦆 duck|🦉 owl|🐺 wolf|🐴 horse|🦄 unicorn|🐝 bee|🦋 butterfly|🐌 snail|🐢 turtle|🐍 snake|🐙 octopus|🐠 fish
    |🐬 dolphin|🐳 whale|🐘 elephant|🌵 cactus|🎄 christmas tree|🌲 tree|🌴 palm|🍀 clover luck|🌷 tulip|🌹 rose|🌻 sunflower
    |🍁 maple leaf autumn|🌍 earth world|🌙 moon|☀️ sun|⛅ cloudy|🌧️ rain|⛈️ storm|❄️ snow|☃️ snowman|🌈 rainbow|🌊 wave sea`,
  Food: `🍎 apple|🍌 banana|🍇 grapes|🍓 strawberry|🍉 melon|🍋 lemon|🍑 peach|🥑 avocado|🍅 tomato|🥕 carrot|🌽 corn|🥔 potato|🍞 bread
    |🥐 croissant|🧀 cheese|🥚 egg|🥞 pancakes|🍔 burger|🍟 fries|🍕 pizza|🌮 taco|🥗 salad|🍝 pasta|🍜 noodles soup|🍣 sushi|🍚 rice
    |🍦 ice cream|🍩 donut|🍪 cookie|🎂 birthday cake|🍰 cake|🍫 chocolate|🍿 popcorn|☕ coffee|🍵 tea|🍺 beer|🍻 cheers beers
    |🍷 wine|🥂 champagne toast|🍸 cocktail`,
  Doing: `⚽ football soccer|🏀 basketball|🎾 tennis|🏐 volleyball|🏓 table tennis|🥊 boxing|⛷️ ski|🏊 swim|🚴 bicycle cycling|🏆 trophy win
    |🥇 gold medal|🎮 game|🎲 dice|🧩 puzzle|🎨 art paint|🎭 theatre|🎤 sing|🎧 headphones music|🎸 guitar|🎹 piano|🎬 film|📷 camera photo
    |🎁 gift present|🎈 balloon|🎊 confetti|🏖️ beach holiday|⛺ camping|🚗 car|🚕 taxi|🚌 bus|🚆 train|✈️ plane flight|🚀 rocket|⛵ boat
    |🚲 bike|🏠 house home|🏢 office work|🏥 hospital|🏫 school|🗼 tower`,
  Things: `📱 phone|💻 laptop computer|⌚ watch|💡 idea lamp|🔋 battery|🔌 plug|🔑 key|🔒 lock|🔔 bell|📌 pin|📎 clip|✂️ scissors|📝 note
    |📚 books|📅 calendar date|📈 chart up|📉 chart down|📦 package|✉️ letter mail|💰 money|💳 card pay|💎 gem|🔧 wrench tool|🔨 hammer
    |🧪 test tube|💊 pill|🛒 shopping|🛏️ bed|🚿 shower|🧹 broom clean|🗑️ bin trash|⏰ alarm clock|⏳ hourglass wait|🎓 graduation|👑 crown
    |👓 glasses|👕 shirt|👟 shoe|☂️ umbrella|🏳️‍🌈 rainbow flag pride|🏁 finish flag|🇩🇪 germany flag|🇫🇷 france flag|🇬🇧 britain flag
    |🇺🇸 america flag|🇪🇺 europe flag|🇧🇷 brazil flag|🇮🇳 india flag|🇯🇵 japan flag|🇺🇦 ukraine flag`,
};

/** The groups in the order of the picker. */
export const groups = Object.entries(GROUPS).map(([name, list]) => ({ name, emoji: list.split("|").map(parsed) }));

/**
 * Returns the emoji of which, for each word of the query, a word begins with it.
 * @param {string} query
 */
export function findEmoji(query) {
  const wanted = query.trim().toLowerCase().split(/\s+/);
  const matches = (/** @type {Emoji} */ { words }) =>
    wanted.every((start) => words.split(" ").some((word) => word.startsWith(start)));
  const found = groups.flatMap(({ emoji }) => emoji).filter(matches);
  // Some emoji are in two groups.
  return [...new Map(found.map((item) => [item.emoji, item])).values()];
}

/**
 * @param {string} entry
 * @returns {Emoji}
 */
function parsed(entry) {
  const [, emoji = "", words = ""] = /^(\S+) (.+)$/.exec(entry.trim()) ?? [];
  return { emoji, words };
}
