"""Base forms of words that are common in captions of photographs, the most common first: what a misspelt word is taken for.

They were compiled by counting the words of captions of photographs; only words of spaCy's dictionary are among them.
"""

COMMON_WORDS = (
    """
    the man and with woman two people wear sit shirt white stand black young play blue girl boy walk dog his while red hold child street
    look down front group her water one green dress three person ride large brown run for yellow hat other jump little outside build
    table from next ball tree through wall hand small their over watch jacket out player into work behind some grass crowd orange top
    field park snow around bike near another hair beach sidewalk pink background short car smile take talk that lady picture side grind
    road air camera gray glass face rock off carry sign four asian city bench head older food several window horse pant under guitar
    dark soccer light chair perform something make baseball train game bicycle hang him along race jeans uniform boat there long pose
    back paint clothe kid together eat baby cover dance line suit worker get them tennis male have fence use bag mountain old skateboard
    read coat dirt guy stripe drink room stage area couple pole arm female climb floor each helmet wait pool middle wooden across swing
    mouth lay many who against purple color shop bus flower swim sand day team toy try construction this ocean stick lean sky gather
    motorcycle toward umbrella beside sunglasses wave set cap microphone catch track football open store band truck all haired adult
    plate brick surround book cat vest prepare inside hill wood show basketball throw tan enjoy fish outfit about elderly paper fly bowl
    during above cross past bed restaurant colorful flag piece ski busy cart outdoor metal ice board they leave pull lot big five sleep
    kitchen bird high door stone costume singe phone leaf house right slide frisbee instrument shoe very she trick box someone market
    computer path sweater drive cellphone backpack bright lie lake body step cut put beard river number tank push between hit attach
    grassy kick sell rope photo leg laugh couch full like fill outdoors night toddler bridge skirt tall american eye foot rail art ready
    both fire snowy appear smoke elephant point bottle counter fall family bar event cook hard desk away clean rest plastic display
    music surf african plant stop vehicle plane bear onto cup roof mirror give building skate hockey close wheel plaid after see giraffe
    machine cowboy stairs forest pizza edge shoulder view sport surfboard friend tie object gear drum fruit attempt what subway rider
    leap which laptop cloud animal age shoot corner silver speak cow station sunny help jersey scarf fountain basket concrete balloon
    boot cake stare police match graffiti sweatshirt net beautiful ramp glove come move skateboarder write gentleman court practice
    public surfer volleyball blanket chase branch place pass statue row bat midair turn sun dock can reach blow kiss grill fight listen
    beer equipment wire where flip trail cigarette tent student airplane distance musician officer skier shore just item bend kite block
    clock nearby raise structure school kneel six collar bucket spectator pile newspaper apron party lawn shovel ear vegetable wet
    audience photograph safety winter touch mask snowboard rocky cream parade yard playground seat bubble doe snowboarder splash runner
    bathroom trunk tattoo tire zebra vendor clear rain sink few racket lead ladder bald bush platform bunch roll mother say different
    screen traffic concert coffee balance round leather time break overlook home tile sort goggle dancer toilet bull onlooker sing
    compete draw bottom various check empty indian lift bathe cliff post martial scene hug gold scooter pick fix serve wash purse wed
    member performer hike foreground ring rodeo cement towel finger dive hot neck pot cyclist paddle individual brush meal wrap luggage
    before site walkway life attire bicyclist sheep way bikini new part robe hood frame dig meat type underneath relax conversation
    garden float younger same base spray electric gun tower video chain lap cone among desert stroller artist business indoor observe
    competition these pair fan grey shave trash jog square container alley fold military bride circle grocery hoop good sled suitcase
    ledge leash examine musical violin sweep teenager well deck photographer dry father kayak dish nose shadow pipe sunset cabinet stuff
    land sandy banana doorway hiker office cloth chinese crouch follow shape son booth brunette direction pavement soldier wooded live
    shade hole slope gym passenger sea chef upside knee stadium tool christmas cafe print alone golf class classroom huge end canoe cry
    van curtain wine beige pier pour urban lamp straw country course oppose pedestrian shelf brightly microscope log surface string
    wrestle town decorate converse headphone fun sandal marathon pillow keyboard traditional tail happy shake bread sleeved dirty pas
    button mat church below picnic project include singer teenage stretch seem balcony word khaki goal march athlete sleeve repair stack
    shallow customer performance spot giant image not dinner guard stream center airport buy multicolored bite sculpture scaffold tooth
    grow cheerleader telescope teddy stunt karate third tag device skin swimmer beneath gate knife operate golden tourist tray travel
    sandwich poster mud makeup kind lab tackle asleep style participate atop rug deep accordion crosswalk pond checker reflect tunnel
    daughter climber pan hose apple batter himself policeman produce barefoot cheer start celebrate bare driver muddy professional raft
    roller vase motorbike hammer swimsuit ceiling logo stave pave puppy harness hydrant belt squat sheet sofa beverage cane ship tongue
    half heavy oriental how festival fork seven sock wing intersection meet here hula palm juggle sew share trampoline donut multiple
    wide camouflage obstacle curb pitcher mid carnival fair present feed low pet approach advertisement referee tub curly knit also load
    carpet gravel carriage tube banner landscape lone firefighter cloudy groom but pen letter racer craft pitch denim gesture infant
    local blouse monitor piano design form stool railroad hay grab cold nice backyard saxophone necklace star mural jean pack overall
    fireman wagon polo bow gymnast magazine chicken floral bandanna card duck mix buck protest jumpsuit chest puddle figure laundry
    wheelchair call power opposite only mount control rugby finish oven fur spin guitarist jet tractor motorcyclist handle navy beam
    protective hurdle dot pattern even fabric mustache barbecue waterfall presentation shower catcher lane carve sale liquid support egg
    order flight speed dine either toss thin goalie pin fluffy narrow mound lunch drummer heel nap staircase rollerblade taxi embrace
    keep slice club themselve funny strap candle pad visible suspend size inflatable garbage teacher acoustic skater without inspect
    thing york position broom you neon teammate teen arena exercise tape backward escalator opponent crew ribbon headband shine single
    weld cell crosse engine hallway porch model begin foreign pigeon polka weave summer closeup lounge space mostly cast first create
    underwater native greyhound amusement candy formal podium horn army contain spread steep mom sneaker softball museum peer cheese
    spoon youth doctor warm santa caucasian gaze tee sail lick marketplace focus television runway wade machinery entertain ponytail
    adjust garb puck downtown athletic pajamas range hillside thumb crane maroon engage iron feather wind teach hospital snack patch
    college money haircut camp case map sword trumpet name stroll routine jockey biker flat chew material weather headscarf fast dead
    farmer parent silhouette drill strike chat racetrack act rack farm doll scuba war camel speech fresh rise bathtub hotdog enter patio
    fisherman eastern japanese electrical castle bleacher overhead boardwalk happily film mug bath parachute paw birthday link barrel
    bounce job plaza herself arch entrance cricket excite mall bank eight thick hotel hide attend cobblestone complete reflection curve
    pine homeless library product gas forward action rink german cheek cord gown formation donkey dune tug drag mop wrestler second
    reflective teal ahead redheaded barrier smaller bouquet advertise newborn more crash flop handstand punch clap microwave trim
    amongst scale courtyard possibly mohawk coach sleeveless soda larger artwork garage barber storefront naked choir perch nail cage
    variety cardboard chop rough peace win telephone double fashion medical orchestra pocket steel free admire pillar rainbow attention
    apply muzzle rice apartment section controller stall airborne heart score terrain upward fake extend pretty sprinkler marry hall
    record electronic neighborhood amp intently bass ballerina nurse furniture billboard miss employee interact strip still pretend
    jewelry boxer conference great song mouse sniff motor studio pay backdrop receive crate arrow slightly fancy tend calm security
    transportation waist note kilt cable trailer prop feature creek rubber shepherd speaker strange demonstrate world protester seagull
    fridge locate chocolate potato straight sunlight guide interest derby sack pale lip rake goat pit diver bundle study corn package
    sailboat ballet outstretched village purchase ethnic suv loom vacuum bagpipe dreadlock mark huddle scout lower watermelon remote
    highway clay steer bin factory pottery ceremony napkin tomato hook activity flame dimly unicycle cycle gift calf learn menu almost
    chip crown steam furry flute rural dust most upon involve casual patient jar graze human scrub umpire sticker motorize partially
    braid story horseback london doughnut ornate circular bedroom drop exit refrigerator closely fry connect mobile ware tricycle
    mannequin pumpkin await religious strawberry meter casually aim decorative expression bead theater belly jungle discuss downhill
    cameraman cool fireplace chin rod though leotard direct wig rainy tight dunk olympics pop streetlight beanie tablecloth slack chalk
    column owner angel beyond amount press tow turban discussion tea gymnasium dusk moment lecture shopper hut panel cab scissor cute
    bun modern brother wheelbarrow torch chess cello rapid rear character businessman yoga exhibit border far drape bracelet plain
    skinny tiny nature hind stir similar fetch tip tuxedo lid lamb shrub freeze harbor shoreline fit aisle gymnastics tropical burn
    forehead snowshoe scatter trolley racquet burgundy soap lime cargo stomach nighttime notebook movie messy find battle motion monk
    sideline windshield litter legged crack french service pray bake portrait weed rush within assist canvas scenery pathway scenic dye
    tour overweight rally supply peek think label cooler sausage toothbrush pastry dusty capture dough numerous medium juice descend
    coaster company beat upper zoo sauce herd main tiger than valley pilot wheeler pigtail carefully celebration cape crawl whom pause
    butterfly pirate dribble spike peak protect poodle shawl brass shield ticket own briefcase test target visit browse tripod stoop
    crayon pedal olympic rose canopy offer lacrosse crop toe rifle love arcade headdress venue hispanic enclosure boulder cookie wild
    weight helicopter gallery descent hip collect yell struggle socialize let olive monkey milk maneuver binoculars decoration chainsaw
    consist dad silly quickly yarn lantern contest remove kimono carrot dessert blazer broccoli shiny separate curl ten suspender grin
    theme environment scream trench alleyway onion moss plank level snowsuit snap assemble midst odd handrail earring underwear squirt
    pinata stump garment state poor skill butcher mini treat rooftop stairway mane measure cupcake glide fog warehouse chalkboard
    retrieve trip autumn jeep identical hear eyeglass nine key pasture concentrate pig diner cherry contraption mill jumper debris twirl
    bamboo tights conduct chisel tutu return haul smooth lock surgery demonstration playfully mower merchandise monument process
    underground firework bury sip lasso everyone marble commercial handbag leggings facial harvest stilt makeshift year semi blur polish
    bystander interview daytime meadow adolescent unusual asphalt radio bib banjo retriever senior else license soft waterway transport
    zip shaggy beret too emergency industrial bulldozer marker attractive recline mow nun atm turquoise workshop rescue tournament toast
    foliage frost emerge bay cabin sponsor sailor transit expose homemade axe task topless joy mountainside wife will department merry
    care search location enclose buffet ingredient roadside pepper metallic vine holder symbol elbow aircraft snake scoop wipe
    laboratory heavily split information laundromat science sister hawaiian whistle asia spar vend wrist horizon blind dozen disc
    painting limb stock rub digital raincoat colon fist miniature surprise blood blurry mountainous conductor series bring aerial
    snowball mexican bark may change construct somewhere launch citizen congregate experiment rim depict fighter jug sad ask text tear
    graduation canal attack china auditorium explore flow flannel quarterback golfer scientist rust vary skull arrange supermarket
    driveway spark dump spotlight european elaborate coca morning vertical sprinkle vegetation ipod blonde planter workout signal
    protection puffy bowler late poke soak release champagne file decide terminal kiosk sculpt canadian projector awning bra official
    highchair bridesmaid rag festive reception defend british walker directly handlebar cattle lego completely alcohol oar early lion
    dumpster address skyline belonging scratch sari barricade injure university vault accompany victory fat cleaner muscular rusty
    submerge shelter glider island such pancake downward perhap inflate competitor trophy length campfire aquarium jack when muslim
    painter instructor yawn content staff want need sideway baton cigar sunbathe
    """
).split()
