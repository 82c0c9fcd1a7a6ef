/** Names of emoji, as people type them between colons; the usual ones of other chats. */

import { keyword } from './lower.ts';

/** Each emoji with its names. */
const NAMES = `
😀 grinning;😃 smiley;😄 smile;😁 grin;😆 laughing satisfied;😅 sweat_smile;🤣 rofl;😂 joy;🙂 slightly_smiling_face
🙃 upside_down_face;😉 wink;😊 blush;😇 innocent;🥰 smiling_face_with_hearts;😍 heart_eyes;🤩 star_struck;😘 kissing_heart
😋 yum;😛 stuck_out_tongue;😜 stuck_out_tongue_winking_eye;🤪 zany_face;🤗 hugs hugging_face;🤭 hand_over_mouth;🤫 shushing_face
🤔 thinking thinking_face;🤐 zipper_mouth_face;🤨 raised_eyebrow;😐 neutral_face;😑 expressionless;😶 no_mouth;😏 smirk
😒 unamused;🙄 roll_eyes;😬 grimacing;😌 relieved;😔 pensive;😪 sleepy;😴 sleeping;😷 mask;🤒 face_with_thermometer
🤢 nauseated_face;🤮 vomiting_face;🤧 sneezing_face;🥵 hot_face;🥶 cold_face;😵 dizzy_face;🤯 exploding_head mind_blown
🤠 cowboy_hat_face;🥳 partying_face;😎 sunglasses cool;🤓 nerd_face;🧐 monocle_face;😕 confused;😟 worried;🙁 slightly_frowning_face
😮 open_mouth;😯 hushed;😲 astonished;😳 flushed;🥺 pleading_face;😨 fearful;😰 cold_sweat;😢 cry;😭 sob;😱 scream
😖 confounded;😞 disappointed;😓 sweat;😩 weary;😫 tired_face;🥱 yawning_face;😤 triumph;😡 rage;😠 angry;🤬 cursing_face
😈 smiling_imp;💀 skull;💩 poop hankey;🤡 clown_face;👻 ghost;👽 alien;🤖 robot;😺 smiley_cat;😹 joy_cat;🙈 see_no_evil
🙉 hear_no_evil;🙊 speak_no_evil;💋 kiss;❤️ heart;🧡 orange_heart;💛 yellow_heart;💚 green_heart;💙 blue_heart;💜 purple_heart
🖤 black_heart;💔 broken_heart;💯 100;💥 boom collision;💫 dizzy;💦 sweat_drops;💤 zzz;👋 wave;✋ raised_hand hand;🖖 vulcan_salute
👌 ok_hand;✌️ v;🤞 crossed_fingers;🤘 metal;🤙 call_me_hand;👈 point_left;👉 point_right;👆 point_up_2;👇 point_down
👍 thumbsup +1;👎 thumbsdown -1;✊ fist;👊 punch;👏 clap;🙌 raised_hands;🤝 handshake;🙏 pray;✍️ writing_hand;💪 muscle
🧠 brain;👀 eyes;👁️ eye;🤷 shrug;🤦 facepalm;🙋 raising_hand;🙇 bow;🏃 running;💃 dancer;👪 family;🐶 dog;🐱 cat;🦊 fox_face
🐻 bear;🐼 panda_face;🐨 koala;🦁 lion;🐮 cow;🐷 pig;🐸 frog;🐵 monkey_face;🐔 chicken;🐧 penguin;🐦 bird;🦄 unicorn;🐝 bee
🐛 bug;🦋 butterfly;🐌 snail;🐢 turtle;🐍 snake;🐙 octopus;🐳 whale;🐟 fish;🦀 crab;🌸 cherry_blossom;🌹 rose;🌻 sunflower
🌲 evergreen_tree;🌵 cactus;🍀 four_leaf_clover;🍁 maple_leaf;🍎 apple;🍌 banana;🍉 watermelon;🍓 strawberry;🍋 lemon
🥑 avocado;🍅 tomato;🥕 carrot;🍞 bread;🧀 cheese;🍔 hamburger;🍟 fries;🍕 pizza;🌮 taco;🍜 ramen;🍣 sushi;🍩 doughnut
🍪 cookie;🎂 birthday;🍰 cake;🍫 chocolate_bar;🍿 popcorn;☕ coffee;🍵 tea;🍺 beer;🍻 beers;🍷 wine_glass;🥂 clinking_glasses
🍾 champagne;🌍 earth_africa;🌙 crescent_moon;⭐ star;🌟 star2;✨ sparkles;⚡ zap;🔥 fire;🌈 rainbow;☀️ sunny;☁️ cloud
🌧️ cloud_with_rain;❄️ snowflake;⛄ snowman;🌊 ocean;🎉 tada;🎊 confetti_ball;🎈 balloon;🎁 gift;🏆 trophy;🥇 1st_place_medal
⚽ soccer;🏀 basketball;🎮 video_game;🎲 game_die;🎯 dart;🎨 art;🎵 musical_note;🎸 guitar;🚀 rocket;✈️ airplane;🚗 car
🚲 bike;🚂 steam_locomotive;⛵ sailboat;🏠 house;🏢 office;⏰ alarm_clock;⏳ hourglass_flowing_sand;⌛ hourglass;📅 date
💻 computer;⌨️ keyboard;📱 iphone;📞 telephone_receiver;📷 camera;💡 bulb;🔋 battery;🔌 electric_plug;🔧 wrench;🔨 hammer
⚙️ gear;🔩 nut_and_bolt;🔗 link;📎 paperclip;✂️ scissors;📌 pushpin;📍 round_pushpin;📝 memo pencil;✏️ pencil2;📖 book
📚 books;📦 package;✉️ envelope;📧 email;📈 chart_with_upwards_trend;📉 chart_with_downwards_trend;📊 bar_chart;🔍 mag
🔒 lock;🔓 unlock;🔑 key;🔔 bell;🔕 no_bell;📣 mega;💬 speech_balloon;💭 thought_balloon;💰 moneybag;💸 money_with_wings
🎓 mortar_board;👑 crown;💎 gem;🧹 broom;🗑️ wastebasket;🚨 rotating_light;🚧 construction;🛑 stop_sign;⚠️ warning
✅ white_check_mark;✔️ heavy_check_mark;❌ x;❓ question;❗ exclamation;➕ heavy_plus_sign;➖ heavy_minus_sign;♻️ recycle
🆗 ok;🆕 new;🔴 red_circle;🟢 green_circle;🔵 large_blue_circle;🏁 checkered_flag;🚩 triangular_flag_on_post;🏳️‍🌈 rainbow_flag
`;

/** Names without colons, and their emoji. */
export const EMOJI: ReadonlyMap<string, string> = new Map(
  NAMES.trim()
    .split(/[;\n]/)
    .flatMap((line) => {
      const [emoji = '', ...names] = line.split(' ');
      return names.map((name): [string, string] => [name, emoji]);
    }),
);

/** So many letters of a name are typed before any are offered: a colon and one letter are a face. */
const LEAST = 2;
/** So many are offered. */
const MOST = 20;

/** The emoji whose names a word with a colon in front begins, as `:smi` or `:smile:`; the shortest names first. */
export function emojiFor(word: string): string[] {
  const typed = keyword(/^:([\w+-]+):?$/.exec(word)?.[1] ?? '');
  if (typed.length < LEAST) return [];
  const found = word.endsWith(':')
    ? [typed].filter((name) => EMOJI.has(name))
    : [...EMOJI.keys()].filter((name) => name.startsWith(typed));
  found.sort((a, b) => a.length - b.length || a.localeCompare(b, 'en'));
  return [...new Set(found.map((name) => EMOJI.get(name)!))].slice(0, MOST);
}
