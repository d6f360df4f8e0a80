"""Lexical knowledge about captions that grammar rules cannot express: small word lists, each used by one rule.

They were compiled by counting annotations of region captions of photographs (which nouns are quantities rather than objects, which
modifiers name a material) and extended by hand with similar words. Each list documents the decision it controls.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


BE = _words("be is are was were been being am 's 're")

#: plurals and mass nouns that have no singular, or one with another meaning
KEEP_PLURAL = _words("glasses sunglasses goggles jeans pants shorts trousers scissors pajamas clothes leggings tights stairs")

#: lemmas that are wrong or missing in spaCy's tables
IRREGULAR_LEMMAS = {
    "men": "man", "women": "woman", "people": "people", "children": "child", "skis": "ski", "leaves": "leaf", "wearing": "wear",
    "lying": "lie", "laying": "lay", "laid": "lay", "tied": "tie", "flies": "fly", "swinging": "swing", "seated": "sit",
    "seating": "sit", "bikers": "biker", "dressed": "dress", "skiing": "ski", "guys": "people", "graffiti": "graffiti",
}  # fmt: skip

#: numbers are attributes of what they count, written in digits ("two dogs": dog[2]); "one" and "a" are not
NUMBERS = {word: str(n) for n, word in enumerate("two three four five six seven eight nine ten eleven twelve".split(), start=2)}

#: numbers that multiply the number in front of them: "two dozen roses" are 24
MULTIPLES = {"dozen": 12, "hundred": 100, "thousand": 1000, "million": 1_000_000}

#: quantifiers and determiners in front of a noun, which are not attributes
NOT_ATTRIBUTES = _words(
    "many several some other another few various own such more most first second third last next same only one multiple much "
    "fewer numerous both all each every different certain whole entire couple assorted single additional extra least less lot lots"
)

#: multiword prepositions: as written -> predicate
MULTIWORD_PREPOSITIONS = {
    "next to": "next to", "close to": "close to", "out of": "out of", "away from": "away from", "on to": "onto", "in to": "into",
    "in between": "between", "up against": "against", "inside of": "inside", "outside of": "outside", "off of": "off",
    "ahead of": "ahead of", "near to": "near", "along with": "with", "underneath of": "under", "adjacent to": "next to",
    "such as": "such as", "atop of": "on top of", "nearer to": "nearer to", "closer to": "closer to", "further from": "further from",
    "farther from": "farther from",
}  # fmt: skip

#: words in front of which "left of" and "right of" are no preposition: "the left of the picture", "in the top right of the wall"
BEFORE_SIDE_NOUN = _words(
    "the its it their his her a each one both either very far other this that top bottom upper lower front back rear hand on in at to near "
    "along from by towards toward into onto what"
)

#: prepositions without their "of" in front of an article: "in front a boat", "next the tracks"
SHORTENED_PREPOSITIONS = {
    "in front": "in front of", "on top": "on top of", "on side": "on side of", "next": "next to", "in middle": "in middle of",
}  # fmt: skip

#: relational nouns: "on the side of the road" is the relation "on side of"; the side is not an object
PLACE_NOUNS = _words("top front back side bottom middle center centre edge corner left right rear")

#: prepositions that may open such a phrase
PLACE_PREPOSITIONS = _words("on in at to near along from by towards toward into onto around under")

#: the predicate of such a phrase; {0} is the preposition as written
PLACE_PREDICATES = {
    "top": "on top of", "front": "in front of", "corner": "in corner of", "center": "in center of", "centre": "in center of",
    "middle": "in middle of", "side": "on side of", "bottom": "on bottom of", "edge": "on edge of", "back": "{0} back of",
    "rear": "{0} back of",
}  # fmt: skip

#: quantity nouns in "X of Y": the object is Y; a value other than "" becomes an attribute of Y
QUANTITY_NOUNS = {
    "amount": "", "family": "", "crowd": "", "array": "", "handful": "", "heap": "", "bundle": "", "chunk": "chunk", "strip": "strip",
    "string": "", "group": "group of", "bunch": "", "pair": "", "row": "", "lot": "", "lots": "", "couple": "", "piece": "piece",
    "slice": "slice", "set": "", "herd": "", "flock": "", "number": "", "variety": "", "part": "part", "stack": "", "pile": "",
    "patch": "patch", "kind": "", "batch": "", "body": "", "type": "", "series": "", "section": "", "portion": "", "half": "",
    "bit": "", "sort": "", "roll": "", "bouquet": "", "expanse": "", "stretch": "", "assortment": "", "collection": "", "plenty": "",
    "cluster": "", "game": "", "layer": "", "dozen": "", "hundred": "", "thousand": "", "million": "", "score": "", "ton": "", "load": "",
    "mass": "", "gang": "", "pack": "", "swarm": "", "school": "", "colony": "", "litter": "", "pride": "", "troop": "", "host": "",
    "multitude": "", "ten": "", "fleet": "", "team": "", "queue": "", "army": "", "convoy": "", "squad": "", "sea": "",
    "majority": "", "quantity": "", "abundance": "",
}  # fmt: skip

#: what words in front of a noun say about its number; -1 is several
NUMBER_WORDS = {
    "one": 1, "single": 1, "some": -1, "another": 1, "each": 1, "every": 1, "both": 2, "dozen": 12, "several": -1, "many": -1, "few": -1,
    "multiple": -1, "numerous": -1, "various": -1, "assorted": -1, "dozens": -1, "hundreds": -1,
}  # fmt: skip

#: quantity nouns that are a number, and those that are an unknown number of things (others, such as "piece", count no things)
QUANTITY_NUMBERS = {"pair": 2, "couple": 2}
GROUPS = _words(
    "family crowd array handful bundle group bunch row lot set herd flock number variety stack pile batch series bouquet assortment "
    "collection plenty cluster ten dozen hundred thousand million score ton load mass gang pack swarm school colony litter pride troop "
    "host multitude fleet convoy squad majority quantity abundance team queue army"
)

#: plurals without an s, which the tagger may take for singulars, and nouns with one form for one and several
PLURAL_WORDS = _words("people men women children cattle they them everyone everybody")
ONE_FORM = _words("sheep deer fish moose bison aircraft")

#: containers: "a glass of wine" is wine in a glass
CONTAINERS = {
    "glass": "in", "cup": "in", "bowl": "in", "plate": "on", "bottle": "in", "basket": "in", "box": "in", "bag": "in", "vase": "in",
    "jar": "in", "mug": "in", "tray": "on", "can": "in", "pot": "in", "platter": "on", "pitcher": "in", "bucket": "in",
    "container": "in", "field": "on", "line": "in",
}  # fmt: skip

#: depictions: "a picture of a dog" is the relation (picture, depict, dog)
PICTURES = _words("picture photo image drawing painting photograph statue")

#: "X of Y" where X has Y: "a bed of flowers" has flowers
HOLDERS = _words("forest bed")

COLOURS = _words(
    "white black blue green red brown yellow gray grey orange pink tan purple silver gold golden beige burgundy maroon teal "
    "turquoise navy khaki cream blonde blond violet lavender magenta"
)

#: modifiers of a colour: "dark green" is one attribute
SHADES = _words("dark light bright pale deep neon lime army")

#: noun modifiers that are attributes rather than part of the name: "brick wall" is wall[brick]
DESCRIBING_NOUNS = COLOURS | _words(
    "tin vinyl nylon linen suede satin burlap mesh stainless terracotta clay plaster stucco adobe slate limestone bronze crystal "
    "wax plywood hardwood cedar maple mahogany walnut birch rattan polyester flannel corduroy tweed knit fur faux paisley tartan "
    "camouflage camo floral charcoal crimson scarlet indigo aqua ivory brownish reddish brick stone metal glass plastic leather "
    "steel concrete cement dirt wire rock iron cardboard marble straw rubber denim wicker bamboo brass copper granite ceramic "
    "porcelain aluminum cotton wool silk lace velvet sand gravel asphalt chrome cloth fabric canvas fleece pine oak cobblestone "
    "foam wood neon plaid shirtless calico link decker adult baby wii nintendo laptop toy stripe stripes polka ocean female male "
    "desktop double round shower chain-link steering basil mustard soda teenage teen"
)

#: two words that are one attribute
ATTRIBUTE_PAIRS = frozenset((
    "chain link", "double decker", "polka dot", "multi colored", "multi color", "plate glass",
))  # fmt: skip

#: nouns that are not visible objects
NO_OBJECTS = _words("direction directions way ways conversation distance daytime nobody nothing none")

#: normal forms of attributes, as people annotate them
ATTRIBUTE_FORMS = {
    "wood": "wooden", "multicolored": "multi colored", "multicoloured": "multi colored", "multicolor": "multi colored",
}  # fmt: skip

#: heads whose noun modifiers are attributes ("nike logo", "brick wall")
DESCRIBED_HEADS = _words("logo wall controller couch pants shorts umbrella building monitor pipe")

#: parts of the modifying noun: "tree branch" is (tree, have, branch)
PART_HEADS = _words(
    "hooves paws claws horns mane handle petals stem branch branches head face neck leg legs tail paw wing wings feather feathers "
    "wheels arm hand collar hoof ear ears mouth"
)

#: vehicles and devices, and their parts: "bus door" is (bus, have, door)
WHOLES = _words("bus car truck van train oven microwave dishwasher fridge laptop computer tv television phone")
PARTS_OF_WHOLES = _words("door windshield screen tire bumper headlight hood")

#: modifiers that are part of the object's name
NAME_ADJECTIVES = _words("left right front back")
NAME_PAIRS = frozenset((
    "hot dog", "hot dogs", "wet suit", "wet suits", "polar bear", "remote control", "french fry", "french fries", "electric lamp",
    "parking lot", "parking meter", "living room", "dining table", "dining room", "cutting board", "rocking chair", "high chair",
    "light post", "ski pole", "light fixture", "rolling pin", "mixing bowl", "washing machine", "american flag", "powdered sugar",
    "bowling ball", "wave pool", "tree trunk", "light bulb", "hang glider", "measuring tape", "shipping container", "running shoes",
    "swimming pool", "side mirror", "clock tower", "bow tie", "polka dots", "polka dot", "reading glasses", "skate board", "back pack",
    "street light", "traffic light", "feeding basket", "baked goods", "dirt bike", "baby carriage", "glass door",
    "glass wall", "christmas tree", "arm chair", "head phones", "head light", "head lights", "hand bag", "hand rail", "wing tip",
    "leg warmers", "drinking glass", "drinking glasses", "shower door", "shower doors", "office building", "office buildings",
    "apartment building", "apartment buildings", "t shirt", "t shirts", "tee shirt", "tee shirts", "onion ring", "onion rings",
    "wicker basket", "wicker baskets",
    "soda can", "soda cans", "tail light", "tail lights", "tail fin", "head board", "ear ring", "ear rings",
))  # fmt: skip

#: body parts: what is held is in the hand, what is worn is on the head
BODY_PARTS = _words(
    "hoof paw wing claw hip thigh elbow palm jaw forearm torso stomach belly throat breast crown tongue horn mane hand head mouth "
    "arm back face neck leg foot shoulder wrist ear eye finger lap waist nose knee hair tail chest beak trunk forehead ankle body "
    "cheek lip thumb chin beard tooth"
)

CLOTHING = _words(
    "jersey overalls sweatpants slacks tuxedo tux gown sandal slipper mitten headband beanie shirt t-shirt jacket coat suit dress "
    "pants jeans shorts short skirt uniform hat cap helmet sweater hoodie vest outfit clothes tie shoe boot sock glove scarf "
    "glasses sunglasses goggles wetsuit apron robe blouse sweatshirt swimsuit bikini tank top kimono costume gear black white red "
    "blue green gray grey pink yellow orange brown purple"
)

#: "X in Y" and "X with Y" that mean X wears Y
WORN = _words(
    "jersey overalls sweatpants tuxedo shirt t-shirt pants jeans shorts suit uniform hat sunglasses sweater glasses sweatshirt "
    "hoodie helmet costume cap clothes tie"
)

ANIMATE = _words(
    "toddler infant teenager adult swimmer runner cyclist biker motorcyclist driver pilot chef cook waiter waitress officer "
    "policeman soldier worker fisherman clown bride groom family mother father mom dad son daughter friend student teacher catcher "
    "pitcher umpire referee golfer athlete boarder pedestrian spectator puppy kitten lion tiger monkey pig rabbit squirrel deer "
    "goose swan seagull gull parrot owl rooster turtle camel donkey pony calf foal cub ox panda hippo rhino man woman boy girl "
    "person people child kid guy lady dog cat bird horse cow sheep elephant giraffe zebra bear player skier surfer snowboarder "
    "skateboarder rider baby bull duck batter couple crowd animal gentleman male female lamb goat pigeon"
)

#: transitive verbs: in "hand holding phone" the phone is the object of the verb
TRANSITIVE = _words(
    "sniff bite wash clean paint fix repair build lift raise hug pet sell buy operate hold wear carry eat touch ride use cut catch "
    "hit swing throw push pull drink read cover cross play watch lick chew grab enjoy take get feed brush face chase kick line "
    "surround pour serve support overlook drive fly kiss cook make do"
)

#: verbs that stand between two nouns: "clouds touching mountains"
VERBS_WITH_OBJECT = TRANSITIVE | _words(
    "touch border contain chop shave toss approach follow observe adorn display advertise defend prepare push climb block chase smell "
    "guard peel slice stir greet examine inspect photograph frame enclose decorate carve pet hug circle shade attack strike bump pass"
)

#: heads of which a verb in front says what they are for: "baseball playing field"
PLACES_FOR_VERBS = _words(
    "area field lot path lane trail contest competition room place station ground gear game pen pool equipment machine tool court space "
    "track party kit supplies season device instrument"
)

#: verbs for which such heads are made
ACTIVITIES = _words(
    "play park serve ride eat drink cook read wash feed cut clean drive fly paint repair pull carry build shop race swing use"
)

#: second words of attributes of two words: "arrow shaped", "well lit", "king size"
SECOND_OF_ADJECTIVE = _words("shaped looking lit patterned themed size sized style styled")

#: words in -ing that are nouns or adjectives
ING_NOUNS = _words(
    "parasailing kayaking hiking biking golfing fishing sailing camping knitting sewing gardening seating plumbing grating molding "
    "moulding edging planting padding wrapping packaging housing seasoning pudding stuffing sapling inning outing sibling being "
    "building ceiling painting railing clothing frosting icing wing ring string king thing something nothing anything everything "
    "swing parking living dining cutting evening morning spring awning writing lettering lighting siding marking landing clearing "
    "crossing stocking filling topping dressing wedding meeting bedding flooring netting fencing coating carving drawing opening "
    "covering earring herring duckling sling wiring piping tubing scaffolding lining trimming paneling skiing surfing snowboarding "
    "boxing skateboarding bowling wrestling racing roofing shopping steering docking folding mixing measuring shipping rolling "
    "rocking offering"
)

#: those that people do: "an athlete skiing in snow"
SPORTS = _words(
    "parasailing kayaking hiking biking golfing fishing sailing camping knitting sewing gardening skiing surfing snowboarding boxing "
    "skateboarding bowling wrestling racing shopping swing"
)

#: adjectives derived from a part: "long-sleeved shirt" is a shirt that has a long sleeve
PART_ADJECTIVES = {
    "sleeved": "sleeve", "sleeve": "sleeve", "haired": "hair", "leaved": "leaf", "legged": "leg",
}  # fmt: skip

#: words that stay apart from the word in front of their hyphen: "snow-covered" and "dark-haired" name the snow and the hair
SPLIT_AFTER_HYPHEN = _words("covered filled haired legged")

#: object names of pronouns without an antecedent
PRONOUN_PEOPLE = {
    "he": "man", "him": "man", "she": "woman", "they": "people", "them": "people", "someone": "person", "somebody": "person",
    "everyone": "people", "everybody": "people",
}  # fmt: skip

#: object name of clothes given by their colour alone: "a man in black", "dressed in white"
UNNAMED_CLOTHES = "clothes"

#: participles after which "by" introduces a place rather than an agent: "parked by the road"
RESTING = _words("park sit stand place stack locate situate plant seat rest lay lie pose gather leave hang")

#: normal forms of object names
NAME_FORMS = {
    "suit case": "suitcase", "stove top": "stovetop", "snow boarder": "snowboarder", "skate boarder": "skateboarder",
    "tooth brush": "toothbrush", "foot ball": "football", "base ball": "baseball", "police man": "policeman", "fire man": "fireman",
    "lap top": "laptop", "note book": "notebook", "eye glasses": "eyeglasses", "door way": "doorway", "drive way": "driveway",
    "guy": "person", "cell phone": "cellphone", "counter top": "countertop", "surf board": "surfboard", "streetlight": "street light",
    "clothe": "clothes", "tee shirt": "t-shirt", "t shirt": "t-shirt", "tshirt": "t-shirt", "side walk": "sidewalk",
    "wet suit": "wetsuit", "snow board": "snowboard", "cell": "cellphone", "bath tub": "bathtub", "sun glasses": "sunglasses",
    "key board": "keyboard", "mobile phone": "cellphone",
}  # fmt: skip

#: variants of a preposition; synonyms are kept ("beneath" is not "under")
PREPOSITION_FORMS = {
    "atop": "on top of", "upon": "on", "amongst": "among", "amidst": "amid", "thru": "through", "infront": "in front of",
}  # fmt: skip

#: verbs that add nothing to their preposition: "located on" is "on"
EMPTY_VERBS = _words("be locate situate see show place position")

#: verbs that take an attribute instead of an object
LINKING_VERBS = _words("be look appear seem become")

#: participles of wearing: "dressed in white" is (wear)
WEARING = _words("dress clothe wear clad")

#: verbs that are not an attribute when they stand without an object
NEVER_ATTRIBUTES = TRANSITIVE - _words("eat play") | _words(
    "attach try look have go come be want start begin seem lay keep set put let hold wear carry use hit get take touch cover make "
    "cut catch line surround serve support overlook contain enjoy show swing cross face"
)

#: participles of covering: "covered in snow" is (snow, cover, it)
COVERING = _words("cover surround")

#: "some of the people" are people
SOME_OF = _words("some all most many several each both one two three four five six any")

#: determiners of a noun that need not exist: "isn't wearing a hat"
INDEFINITE = _words("a an any")

#: verbs whose object ends up in the place that follows: "put the cup on the table" says that the cup is on the table
PLACING = _words(
    "put place set lay lie hang move stand lean drop stick insert drag slide shift position pour store load stack pile arrange park plant "
    "hide pin mount glue tuck spread balance dock"
)

#: first words of comparisons
COMPARED = _words("more less fewer nearer closer further farther")

#: prepositions that place what is held, not who holds it: "a girl holds a kite above her head"
PLACES_HELD = _words("above over under behind below beneath against")

#: verbs with an object and what becomes of it: "paint the wall yellow"
RESULT_VERBS = _words("make paint turn color colour dye keep leave")

#: verbs with a clause that is seen: "people watch a dog jump over a fence"
PERCEPTION = _words("watch see let make help hear observe")

#: their forms, and what the model reads in front of the clause
PERCEPTION_FORMS = {word: word for word in PERCEPTION | _words("sees seeing saw lets letting makes making made helps helping helped")} | {
    "watches": "sees", "watching": "seeing", "watched": "saw", "hears": "sees", "hearing": "seeing", "heard": "saw", "observes": "sees",
    "observing": "seeing", "observed": "saw",
}  # fmt: skip

#: first words of instructions, read as "you put ...", if a determiner follows
IMPERATIVES = (
    PLACING
    | RESULT_VERBS
    | _words(
        "add remove delete take change replace swap push pull throw bring open close let draw give hold erase cut rotate flip lift raise "
        "lower fill cover clean wash show find get pick carry use build attach fold roll tie wrap stack pile arrange water serve feed lock "
        "empty kick catch ride"
    )
)

ARTICLES = _words("a an the his her its their my your our")

#: words after which a verb is an instruction
DETERMINERS = _words("a an the this that these those my your his her its our their some all both every another two three four five")

#: verbs that the model reads as nouns after a plural: "two small birds perch on a wire"; -> read as "sit" before a preposition or adverb
PLURAL_VERBS = _words(
    "perch graze rest race dance play walk run fish swing sail float nap chat stroll march hike climb ride surf ski skate fly look "
    "jump crash smile pose stretch hover circle land gather stare sleep lean lie swim drink eat feed wade roam bask huddle grow "
    "hang drive travel drift splash peck kneel crouch squat bounce roll fall rise stand sit wait work cook sparkle dive relax leap "
    "trot gallop soar glide crawl bathe cuddle snuggle shop camp picnic cross watch photograph load cover line chase pull surround "
    "wear carry push throw catch kick hit block hug hunt crowd juggle cheer clap applaud sing wave bark fight wrestle argue bloom burn "
    "glow shine hop dig bow howl hiss nest"
)

#: verbs in front of their subject: "near the river graze two cows"; -> read as "sit"
VERBS_BEFORE_SUBJECT = _words("stand sit lie hang graze wait rest sleep float perch swim grow hover kneel crouch lean roam walk run play")

#: verbs with an object that the model takes for the noun behind "the boy's dog"; -> read as "holds"
OWNED_VERBS = _words("bite lick chase pull push touch watch carry catch kick hit hug kiss cover cross scratch sniff block ride drink")

#: those that take an object, read as "hold" before a determiner
PLURAL_VERBS_WITH_OBJECT = _words(
    "watch photograph load cover line chase pull surround cross ride climb play wear carry push throw catch kick hit drink eat cook "
    "feed circle drive cut wash clean paint face fly block hug hunt crowd juggle"
)

#: the same in the third person, hardly ever nouns: "a dog that isn't black runs on the beach"; -> read as "goes"
SINGULAR_VERBS = _words(
    "runs hangs walks rides sits swims sleeps leans lies climbs perches grazes kneels crouches hovers stretches swims chases eats watches "
    "barks trots gallops glides crawls leaps dives"
)

#: what flies; other nouns in front of "flies" may be a part of its name ("fruit flies")
FLIERS = _words(
    "bird plane airplane aeroplane jet helicopter kite eagle gull seagull pigeon duck goose swan owl parrot bee butterfly bat balloon "
    "drone hawk crow dove dragon frisbee flag he she it"
)

#: verbs that may stand behind "bigger than the cat"
COMPARED_VERBS = PLURAL_VERBS | _words(
    "stop smile laugh shine blow burn arrive leave break bend bloom flow shake sneeze yawn talk speak shout scream cry grin blink nod bow "
    "sail hop skip slip swerve turn spin twist hold chase follow sniff lick bite read write draw paint open close touch point meow howl "
    "growl hiss purr graze wait watch paddle row stroll stride limp flap flutter flicker glow sway lean loom tower sparkle melt"
)

#: the same after two singular nouns: "a cat and a dog play on the mat"
SURE_VERBS = _words(
    "walk run play wait swim graze perch chat stare sit stand lie sleep dance talk smile laugh kneel crouch jump climb fight wrestle sing "
    "kiss cuddle relax pose"
)

#: those who leave something: "a woman leaves the store"; elsewhere "leaves" are on a tree
LEAVERS = ANIMATE | _words("train bus plane car boat ship taxi truck he she it who that")

#: plurals that do not end in "s"
PLURALS = _words("people men women children sheep geese mice fish deer cattle oxen firemen policemen teeth feet fishermen")

#: words that may follow a verb without an object
AFTER_VERB = _words(
    "on in at by near under over above below behind beside along across around through past towards toward up down together against "
    "from between among amid beneath outside inside off onto into next with and side . , while as to"
)

RELATIVE_PRONOUNS = _words("that which who whom whose what where")

#: first words of captions that need no added "a"
OPENERS = _words(
    "a an the this these those that there here two three four five six seven eight nine ten some several many most all both each no "
    "another his her my our your their its he she they it we i you one in on at of to with by from under over behind near beside below "
    "above between beneath underneath inside"
)

#: words that end a noun phrase
NOT_NOUN_PHRASE = _words(
    "is are was were has have that which who and or next near beside above below into onto off out up down through around against"
)

#: words that the model mistags -> a common word of the same kind that is parsed in their place
_READ_LIKE = {
    "the": "teh hte rhe",
    "through": "thru",
    "old": "stripy striped spotted dotted checked checkered plaid leafy grassy sandy fluffy",
    "blue": "purple beige burgundy maroon turquoise khaki teal",
    "table": "building mirror field tie rack bush sauce hydrant donut bat rug walkway head face fork surfboard skateboard snowboard "
    "chicken sink urinal bathtub track net oven",
    "tables": "buildings leaves tracks ears sinks lines bears",
    "dog": "elephant zebra giraffe bear kitten batter surfer skier skateboarder snowboarder cart",
    "boy": "clown",
    "dogs": "elephants zebras giraffes surfers skiers cows geese",
}
READ_AS = {word: common for common, words in _READ_LIKE.items() for word in words.split()}

#: the same for words that are adjectives in front of a noun and objects elsewhere ("an orange cat", "an orange")
READ_BEFORE_NOUN_AS = {
    "orange": "red", "tan": "red", "yellow": "red",
}  # fmt: skip

#: the same for pairs of words
READ_PAIR_AS = {
    "trash can": "trash bin", "trash cans": "trash bins", "soda can": "soda bin", "fire hydrant": "fire pump",
    "fire hydrants": "fire pumps", "cutting board": "kitchen board", "folding table": "kitchen table",
    "operating table": "kitchen table", "bowling ball": "golf ball", "bowling balls": "golf balls", "steering wheel": "car wheel",
    "docking station": "police station", "parking lot": "city lot", "parking meter": "city meter", "parking meters": "city meters",
    "dining table": "kitchen table", "dining room": "family room", "living room": "family room", "stop sign": "street sign",
    "stop signs": "street signs", "night stand": "night table", "night stands": "night tables",
    "hot dog": "bread roll", "hot dogs": "bread rolls", "wrist watch": "wrist band",
    "bow tie": "neck tie", "polka dots": "color dots", "polka dot": "color dot", "reading glasses": "wine glasses",
    "stuffed animal": "old animal", "stuffed animals": "old animals", "skate board": "skate boat",
}  # fmt: skip

#: "light colored": the word in front belongs to it
COLOURED = _words("colored coloured color colour")

#: adverbs that belong to the verb in an attribute: "sitting down", "her hair pulled back"
VERB_PARTICLES = _words("down up over back")

#: what may be said of a noun behind "with": "a woman with her hair pulled back", "a toilet with the lid up"
STATES = _words(
    "up down open out closed crossed raised spread folded outstretched extended bent lowered tied pulled turned tucked rolled clasped"
)

#: adverbs used like adjectives: "the ears are down"
ADVERB_ATTRIBUTES = _words("down up open outside inside outdoors upright indoors together away alone")

#: adverbs of place that are an attribute of whoever is there: "people standing outside"
WHERE_ADVERBS = _words("outside outdoors indoors")

#: adverbs that add nothing to the preposition behind them
EMPTY_ADVERBS = _words("outside high up right just directly together here there far back closely close")
