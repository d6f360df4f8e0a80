"""Synonyms and hyponyms of the classes that detectors know: which words may name the same thing.

* ``SAME``: groups of synonyms (a sofa is a couch, a couch is a sofa);
* ``KINDS``: a class and its hyponyms (a puppy is a dog). Two hyponyms of one class do not match: a man and a woman are persons, but a
  man is not a woman.

The classes are the 80 of COCO, those of the default world, and frequent words of captions. Names are lower case and singular.
"""

from __future__ import annotations

# fmt: off
SAME: tuple[tuple[str, ...], ...] = (
    ("airplane", "plane", "aeroplane", "aircraft", "airliner", "jetliner", "jet"),
    ("automobile", "car", "auto"),
    ("baby", "infant", "newborn"),
    ("backpack", "rucksack", "knapsack", "back pack"),
    ("baseball glove", "mitt", "baseball mitt", "catcher's mitt", "glove"),
    ("bicycle", "bike", "pushbike"),
    ("beak", "bill"),
    ("belly", "stomach", "tummy", "underside"),
    ("boat", "ship", "vessel"),
    ("box", "crate", "carton"),
    ("breast", "chest"),
    ("cell phone", "phone", "cellphone", "mobile phone", "mobile", "smartphone", "smart phone", "telephone", "iphone"),
    ("crown", "cap"),
    ("couch", "sofa", "settee", "loveseat", "love seat"),
    ("cup", "mug"),
    ("dining table", "table", "dinner table", "kitchen table"),
    ("donut", "doughnut"),
    ("father", "dad"),
    ("fire hydrant", "hydrant"),
    ("frisbee", "disc", "flying disc"),
    ("hair drier", "hair dryer", "hairdryer", "blow dryer", "blow drier"),
    ("handbag", "purse", "hand bag", "pocketbook"),
    ("hot dog", "hotdog", "frankfurter"),
    ("kid", "child"),
    ("lamp", "lantern"),
    ("laptop", "laptop computer", "notebook computer"),
    ("man", "guy", "gentleman", "male"),
    ("microwave", "microwave oven"),
    ("mother", "mom", "mum"),
    ("motorcycle", "motorbike", "motor bike", "motor cycle"),
    ("person", "people", "human", "human being", "somebody", "someone"),
    ("potted plant", "plant", "house plant", "houseplant", "pot plant"),
    ("picture", "photo", "photograph", "image"),
    ("refrigerator", "fridge", "freezer"),
    ("remote", "remote control", "controller", "remote controller"),
    ("rock", "stone", "boulder"),
    ("street", "road"),
    ("suitcase", "luggage", "baggage", "trunk"),
    ("teddy bear", "teddy", "stuffed bear", "toy bear"),
    ("television", "tv", "tv set", "television set", "telly", "tv monitor"),
    ("tie", "necktie", "neck tie"),
    ("traffic light", "stoplight", "stop light", "traffic signal", "signal light"),
    ("truck", "lorry"),
    ("woman", "lady", "female"),
)

KINDS: dict[str, tuple[str, ...]] = {
    "animal": ("bear", "bird", "cat", "cow", "dog", "elephant", "giraffe", "horse", "sheep", "zebra", "fish", "rabbit", "duck"),
    "bag": ("backpack", "handbag", "suitcase", "purse", "tote", "satchel"),
    "bear": ("polar bear", "grizzly", "grizzly bear", "cub", "brown bear", "black bear", "panda"),
    "bed": ("bunk", "bunk bed", "mattress", "crib", "cot"),
    "bench": ("park bench", "pew"),
    "bicycle": ("mountain bike", "tricycle", "trike", "tandem"),
    "bird": (
        "parrot", "seagull", "gull", "pigeon", "dove", "duck", "goose", "swan", "owl", "eagle", "hawk", "crow", "sparrow", "finch",
        "robin", "chicken", "rooster", "hen", "penguin", "parakeet", "cockatoo", "heron", "pelican", "flamingo", "ostrich", "peacock",
        "woodpecker", "hummingbird", "warbler", "cardinal", "blue jay", "jay",
    ),
    "boat": ("sailboat", "canoe", "kayak", "rowboat", "ferry", "yacht", "raft", "gondola", "tugboat", "motorboat", "speedboat", "barge"),
    "book": ("novel", "notebook", "magazine", "textbook"),
    "bottle": ("wine bottle", "water bottle", "beer bottle", "beer"),
    "bowl": ("dish", "basin"),
    "bus": ("coach", "school bus", "double decker", "double decker bus", "minibus", "trolley"),
    "cake": ("cupcake", "birthday cake", "cheesecake", "pastry", "pie", "wedding cake"),
    "car": ("taxi", "cab", "suv", "sedan", "van", "minivan", "jeep", "convertible", "police car", "limousine", "station wagon"),
    "cat": ("kitten", "kitty", "tabby", "tomcat"),
    "chair": ("armchair", "stool", "recliner", "rocking chair", "seat", "lawn chair", "high chair", "office chair"),
    "child": ("boy", "girl", "toddler", "baby", "little boy", "little girl"),
    "clock": ("clock face", "alarm clock", "clock tower", "wall clock", "watch"),
    "couch": ("futon", "sectional"),
    "cow": ("bull", "calf", "cattle", "ox", "steer", "heifer"),
    "cup": ("glass", "coffee cup", "teacup", "tea cup", "paper cup", "coffee", "tumbler"),
    "dining table": ("desk", "picnic table", "counter", "coffee table"),
    "dog": (
        "puppy", "pup", "doggy", "hound", "terrier", "poodle", "retriever", "bulldog", "labrador", "dachshund", "collie", "pug",
        "beagle", "husky", "chihuahua", "dalmatian", "german shepherd", "mutt",
    ),
    "elephant": ("baby elephant", "calf"),
    "horse": ("pony", "foal", "stallion", "mare", "colt"),
    "keyboard": ("computer keyboard",),
    "knife": ("butter knife", "blade", "cleaver"),
    "laptop": ("computer", "notebook", "macbook"),
    "motorcycle": ("moped", "scooter", "dirt bike", "vespa"),
    "mouse": ("computer mouse",),
    "oven": ("stove", "stove top", "stovetop", "range", "cooker"),
    "person": (
        "man", "woman", "boy", "girl", "child", "kid", "baby", "toddler", "guy", "lady", "gentleman", "adult", "teenager", "teen",
        "youth", "male", "female", "crowd", "group", "couple", "family", "team", "player", "baseball player", "tennis player",
        "soccer player", "batter", "hitter", "pitcher", "catcher", "surfer", "skier", "snowboarder", "skateboarder", "skater", "rider",
        "umpire", "cyclist", "biker", "motorcyclist", "bicyclist", "pedestrian", "worker", "driver", "passenger", "chef", "cook", "waiter",
        "waitress", "police", "policeman", "police officer", "officer", "fireman", "firefighter", "soldier", "cowboy", "student",
        "teacher", "doctor", "nurse", "farmer", "musician", "singer", "dancer", "artist", "athlete", "swimmer", "runner", "jogger",
        "climber", "hiker", "fisherman", "vendor", "customer", "bride", "groom", "mother", "father", "son", "daughter", "brother",
        "sister", "friend", "spectator", "audience", "little girl", "little boy", "individual", "businessman", "clown", "king", "queen",
    ),
    "pizza": ("pizza pie",),
    "potted plant": ("fern", "cactus", "flower pot", "potted flower", "houseplant"),
    "sandwich": ("burger", "hamburger", "cheeseburger", "sub", "wrap", "panini", "toast"),
    "sheep": ("lamb", "ram", "ewe"),
    "sink": ("wash basin", "washbasin", "basin"),
    "sports ball": (
        "ball", "tennis ball", "soccer ball", "football", "baseball", "basketball", "volleyball", "beach ball", "golf ball", "rugby ball",
    ),
    "stop sign": ("sign",),
    "suitcase": ("briefcase", "bag"),
    "surfboard": ("board", "surf board", "boogie board", "bodyboard", "paddle board", "paddleboard"),
    "skateboard": ("board", "skate board", "longboard"),
    "snowboard": ("board", "snow board"),
    "skis": ("ski",),
    "teddy bear": ("stuffed animal", "stuffed toy", "plush toy", "plush", "stuffed bear"),
    "tennis racket": ("racquet", "tennis racquet", "racket"),
    "television": ("screen", "monitor", "flat screen", "flat screen tv", "computer monitor", "computer screen"),
    "toilet": ("urinal", "commode"),
    "train": ("locomotive", "steam engine", "subway", "subway train", "tram", "streetcar", "passenger train", "train car"),
    "tree": ("palm", "palm tree", "pine", "pine tree", "oak", "fir", "willow", "spruce"),
    "truck": ("pickup", "pickup truck", "fire truck", "dump truck", "tow truck", "semi", "trailer", "fire engine", "food truck"),
    "umbrella": ("parasol",),
    "vase": ("flower vase", "jar"),
    "wine glass": ("glass", "goblet", "champagne glass", "flute"),
}

#: mutually exclusive attributes: two different ones contradict each other
EXCLUSIVE: tuple[frozenset[str], ...] = (
    frozenset(
        "red orange yellow green blue purple violet pink brown black white gray tan beige gold silver turquoise cyan teal".split()
    ),
    frozenset(("striped", "dotted", "checked", "plain")),
    frozenset(("small", "large")),
    frozenset(("short", "long")),
)

#: variants of attributes -> the word used above
ATTRIBUTE_SAME = {
    "grey": "gray", "golden": "gold", "little": "small", "tiny": "small", "big": "large", "huge": "large", "stripy": "striped",
    "stripey": "striped", "spotted": "dotted", "spotty": "dotted", "checkered": "checked", "chequered": "checked", "wood": "wooden",
}

#: compounds that are not a kind of their head noun: a hot dog is no dog
NOT_THEIR_HEAD = frozenset({"hot dog", "corn dog", "prairie dog", "sea lion", "sea horse", "guinea pig", "bear cub", "horse fly"})
