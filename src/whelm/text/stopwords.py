"""Words that carry no content, by language: they join sentences, and occur in nearly every text.

Written for this project, kept short: articles, pronouns, prepositions, conjunctions, auxiliaries, question words.
Negations and numbers stay searchable in most languages, and so do words that are common but name something.
They serve the search analyzer (dropped from queries and documents alike) and language detection (as extra text).
"""

from __future__ import annotations

import functools

__all__ = ["STOPWORD_TEXT", "stopwords"]

STOPWORD_TEXT: dict[str, str] = {
    "en": """a about above after again all also am an and any are aren't as at be because been before being below
        between both but by can can't cannot could couldn't did didn't do does doesn't doing don't down during each
        either ever few for from further had hadn't has hasn't have haven't having he he'd he'll he's
        her here hers herself him himself his how however i i'd i'll i'm i've if in into is isn't it it's its itself
        just let let's may me might more most much must mustn't my myself of off on once only onto or other ought our
        ours ourselves out over own please rather same shall she she'd she'll she's should shouldn't since so some
        such than that that's the their theirs them themselves then there there's these they they'd they'll they're
        they've this those though through thus to too under until up upon us very was wasn't we we'd we'll we're
        we've were weren't what what's when where whether which who who's whom whose why will with within
        without won't would wouldn't yet you you'd you'll you're you've your yours yourself e.g i.e etc""",
    "de": """aber alle allem allen aller alles als also am an andere anderen anderer anderes auch auf aus außer bei
        beim bereits bin bis bist da dabei dadurch dafür dagegen daher damit danach dann daran darauf daraus darf
        darin darüber darum darunter das dass daß davon dazu dein deine dem den denen denn der deren des deshalb
        dessen dich die dies diese diesem diesen dieser dieses dir doch dort du durch ein eine einem einen einer
        eines er es etwa etwas euch euer eure falls für gegen gibt hab habe haben hat hatte hatten hier hin hinter
        ich ihm ihn ihnen ihr ihre ihrem ihren ihrer ihres im in indem ins ist ja jede jedem jeden jeder jedes jedoch
        jene jetzt kann kannst können könnte könnten man manche mein meine mich mir mit muss muß müssen nach nachdem
        neben noch nun nur ob oder ohne sehr sein seine seinem seinen seiner seines seit selbst sich sie sind so
        sobald sofern solche soll sollen sollte sollten somit sondern sonst sowie über um und uns unser unsere unter
        vom von vor wann war waren warum was weil welche welchem welchen welcher welches wenn wer werde werden wie
        wieder wird wo wobei wodurch wollen worden wurde wurden während wäre würde würden zu zum zur zwar zwischen
        z.b d.h u.a bzw usw""",
    "fr": """à afin ai ainsi alors au aucun aucune aussi autre autres aux avant avec avez avoir avons c'est ça car ce
        ceci cela celle celles celui cependant ces cet cette ceux chaque chez comme comment d'un d'une dans de depuis
        des dès donc dont du elle elles en encore entre es est et étaient était étant été être eu eux fait faire faut
        fut il ils j'ai je l'on la laquelle le lequel les lesquelles lesquels leur leurs lors lorsque lui ma mais me
        même mêmes mes moi mon n'est ne ni nos notre nous on ont or ou où par parce pas pendant peut peuvent plus pour
        pourquoi puis puisque qu'elle qu'il qu'ils qu'on qu'un qu'une quand que quel quelle quelles quels qui quoi s'il
        sa sans se selon sera ses si son sont sous sur ta te tes toi ton tous tout toute toutes très tu un une vers
        vos votre vous y""",
    "es": """a al algo algunas alguno algunos ante antes así aunque cada como cómo con contra cual cuál cuales cuáles
        cualquier cuando cuándo cuánto de del desde después donde dónde durante e el él ella ellas ellos en entre
        era eran es esa esas ese eso esos esta ésta estaba están estar estas este éste esto estos está fue fueron ha
        había hace hacer han hasta hay incluso la las le les lo los más me mi mientras mis mucho muchos muy nada ni no
        nos nosotros nuestra nuestro o os otra otras otro otros para pero poco por porque porqué pues puede pueden que
        qué quien quién quienes se sea según ser si sí sido siempre sin sino sobre solo sólo son su sus también tan
        tanto te tiene tienen toda todas todo todos tu tus un una unas uno unos usted ustedes y ya yo""",
    "it": """a ad agli ai al alla alle allo altra altre altri altro anche ancora avere aveva c'è che chi ci ciò come con
        contro cosa così cui da dagli dai dal dalla dalle dallo degli dei del dell'altro della delle dello dentro di
        dopo dove durante e è ed era erano essere fa fare fino fra già gli ha hai hanno ho i il in io l'altro la le
        lei li lo loro lui ma mentre mi mia mio molto ne negli nei nel nella nelle nello noi non nostra nostro o ogni
        oppure per perché però più poi possono prima può qual quale quali qualche quando quanto quella quelle quelli
        quello questa queste questi questo qui quindi se sé senza sei si sia siano sono sopra sotto sta stata stato
        su sua sue sugli sui sul sulla sulle sullo suo suoi tra tu tutta tutte tutti tutto un una uno vi viene voi""",
    "pt": """a à ao aos aquela aquele aqueles aquilo as às até cada com como contra da das de dela dele deles depois do
        dos durante e é ela elas ele eles em entre era eram essa essas esse esses esta está estão estas este estes eu
        foi foram há isso isto já lhe lhes mais mas me mesmo meu minha muito muitos na não nas nem nenhum no nos nós
        nossa nosso num numa o onde os ou outra outras outro outros para pela pelas pelo pelos pode podem por porque
        pois qual quais qualquer quando quanto que quem são se seja sem sempre ser será seu seus si sob sobre sua suas
        também tão tem têm tinha toda todas todo todos tu tua um uma umas uns você vocês""",
    "nl": """aan al alle alleen als altijd andere anders ben bij binnen dan dat de den der deze die dit doen door dus
        een eens elk elke en er gaan geen had hadden hebben heeft hem het hier hij hoe hun iets ik in is ja je jij
        jullie kan kon kunnen maar mag me meer men met mij mijn moet moeten na naar net niet nog nu of om omdat ons
        onze ook op over per te tegen ten ter terwijl toch toen tot tussen u uit uw van vanaf veel voor waar
        waarom waren was wat we wel welke werd werden wie wij wil worden wordt zal ze zelf zich zij zijn zo zonder zou
        zouden""",
    "sv": """alla allt än är andra att av bara blev bli blir både då de dem den denna deras dess dessa det detta dig
        din dina ditt du där därför efter eftersom eller en er ett finns för från genom ha hade han hans har hans hem
        henne hon hos hur här i icke in inga ingen inom inte jag kan kunde man med mellan men mig min mina mitt mot
        mycket måste när ni nog nu någon något några och också om oss på redan samma sedan sig sin sina sitt ska skall
        skulle som så sådan till under upp ut utan vad var vara varför varit varje vem vi vid vilka vilken vilket vill
        vår våra åt över""",
    "da": """ad af alle alt anden andet andre at blev blive bliver både da de dem den denne der deres det dette dig din
        disse dog du efter eller en end er et for fordi fra få før gennem gør ham han hans har havde hende hendes her
        hos hun hvad hvem hver hvilke hvilken hvilket hvis hvor hvordan hvorfor hvornår i ikke ind ingen intet ja jeg
        kan kun kunne lige man mange med meget mellem men mig min mine mit mod må ned noget nogle nogen nu når og også
        om op os over på sammen samme selv sig sin sine sit skal skulle som så sådan til ud uden under var ved vi vil
        ville vor være været""",
    "no": """alle alt andre at av bare ble bli blir blitt både da de dei dem den denne der deres dersom det dette din
        disse du eg ei eit eller en enn er et etter for fordi fra før gjennom gjør ha hadde han hans har hennes her hos
        hun hva hvem hver hvilke hvilken hvis hvor hvordan hvorfor i ikke ikkje ingen inn jeg kan kun kunne må man mange
        med meg mellom men mer mot mye noe noen nå når og også om opp oss over på samme seg selv sin sine sitt skal
        skulle slik som så til under ut uten var ved vi vil ville vår være vært""",
    "fi": """ei eikä eivät ennen että ettei han hän hänen he heidän ilman itse ja jo joka jokainen joko jolla jona jonka
        jos joskus jossa jota jotka jotta joten kaikki kanssa koska kuin kuinka kuitenkin kun kuka lisäksi me meidän
        mihin mikä mikäli minkä minä missä mistä mitä mitään mukaan mutta muu muut myös ne niiden niin niitä noin nyt
        näiden näin nämä oli olisi olivat olla ole on ollut oma ovat pitää sama se sekä sen siitä siinä silloin sillä
        sinä sitä tai te tulee tämä tämän tässä tätä vaan vai vaikka vain vielä voi voidaan voivat yli""",
    "pl": """a aby albo ale ani aż bardzo bez bo by był była było były być ci co coś czy dla do gdy gdyż gdzie go i ich
        im inne innych iż ich ja jak jako jakie jaki je jeden jednak jego jej jest jeszcze jeśli jeżeli już każda każdy
        kiedy kilka kto która które którego której który których którym którzy lub ma mają między może można mu na nad
        nam nas nie niego niej nich nim niż o od ona one oni ono oraz po pod podczas ponieważ poza przed przez przy są
        się swoje swoich swój ta tak taka taki takie także tam te tego tej ten to też tu tych tylko tym u w we wiele
        więc wszystkich wszystkie z za ze że żeby""",
    "cs": """a aby aj ale ani ano asi až bez bude budou by byl byla byli bylo být co což či do ho i já jak jako je jeden
        jeho jej její jejich jen jenž ještě jestli ji jiné již jsem jsi jsme jsou jste k kam kde kdo kdy když ke která
        které kterého který kteří kvůli ma má mají mezi mi mít mě může mohou my na nad nám nás ne nebo nebyl není než
        nic o od on ona oni ono pak po pod podle pokud pouze právě pro proč proto protože před přes při s se si své
        svého svou svůj ta tak také takže tato té ten tedy tento této to toho tohoto tom tomto tu ty tyto u už v ve
        více však všech všechny vy z za ze že""",
    "sk": """a aby aj ak ako ale alebo ani áno až bez bol bola boli bolo bude budú by byť čo či do ho i ich iba ja je
        jeho jej k kde kto kedy keď ktorá ktoré ktorého ktorý ktorí ku ma má majú medzi mi môže my na nad nám nás nie
        niektoré nič o od on ona oni po pod podľa pokiaľ potom pre prečo pred pretože pri s sa si sme so som sú svoje
        svoj ta tak takže táto teda ten tento to toho toto tu tým u už v vo však všetky vy z za zo že""",
    "hu": """a ahogy aki akik amely amelyek amelyet amikor ami az azok azon azt azért át be csak de e egy egyes egyik
        egyéb el először előtt én és erre ez ezek ezen ezt ezért fel ha hanem hogy hogyan hol igen illetve ilyen is itt
        jó kell ki két következő között le legyen lehet lesz már meg mely mert mi miért mikor milyen mind minden mint
        mit most nagyon ne nekem nem nincs ő ők olyan ott össze pedig sem semmi s saját sok szemben szerint te több
        továbbá új úgy után utána vagy vagyis van vannak való volt voltak""",
    "ro": """a acea aceasta această aceste acest acesta acestea aceștia acestor acestui al ale alt altă alte ar are au
        avea avut ca că când care cărei căror către ce cea cei cel cele cine cu cum da dacă dar de deci deja despre
        din dintre doar după ea ei el ele era este eu fi fie fiecare fiind fost iar în între îi îl își la lor lui mai
        mi mult ne nici noi nostru nu o oricare ori pe pentru peste poate pot prin sa să sale sau se si și sub sunt
        te toate tot toți tu un una unde unei unor unui va vă voi vor""",
    "tr": """acaba ama ancak artık aslında az bana bazı belki ben beni benim beri bile bir biri birkaç birçok biz bize
        bizim bu buna bunda bundan bunlar bunları bunun burada çok çünkü da daha de değil diğer diye dolayı e en eğer
        etmek fakat gibi göre hangi hatta hem henüz hep hepsi her herhangi hiç için ile ilgili ise işte kadar kendi
        kez ki kim kimse mı mi mu mü nasıl ne neden nedir nerede nereye niye o olan olarak oldu olduğu olması olmak
        olsa olur ona ondan onlar onları onların onu onun öyle oysa pek rağmen sadece sanki sen siz sonra şekilde şey
        şu tarafından tüm üzere var ve veya ya yani yerine yine yoksa zaten""",
    "ca": """a al als amb aquest aquesta aquestes aquests així això abans altra altres am aquell bé cada com contra
        d'un d'una de del dels des després doncs durant el ell ella ells els em en encara entre era és eren es està
        estan fins ha han hi i jo l'altre la les li lo més mentre meu molt molts no nosaltres o on per perquè però poc
        pot poden qual quals quan que què qui sense ser seu seus seva seves si sobre sense són també tan tant té tenen
        tot tota totes tots un una unes uns vosaltres""",
    "ru": """а без более бы был была были было быть в вам вас весь во вот все всего всех вы где да даже для до его ее её
        если есть ещё еще ж же за здесь и из или им их к как какая какие какой когда кто ли либо между меня мне может
        можно мой мы на над надо нам нас наш не него нее неё нет ни них но ну о об однако он она они оно от очень по
        под после потому почему при про с сам свои своих свой себя сейчас со так также такие такой там те тем то того
        тоже той только том тот ты у уже хотя чего чем через что чтобы эта эти этих это этого этой этом этот я""",
    "uk": """а або але б без би буде був була були було бути в вам вас ви від він вона вони воно все всі втім де для до
        є його її же з за зі і із або інших її їх й ким коли кожен кого лише між мене мені може можна на над нам нас
        наш не нема немає ні ним них ніж о однак от по під після при про з своїх своєї свої саме себе собі та так
        також такий там те теж ти тим тих то того той тому тут у усі хоч хто це цей ця цього цьому ці через чи чого
        чому що щоб як яка який яких які якщо я""",
    "bg": """а ако ала без беше би бил била били било бъде в вас ваш ви все всеки всички във г да дали до докато е едва
        един една едно за защо защото и из или им има их й как каква какво както какъв като кога когато което които
        кой който колко която къде където ли между ми може му на над най нас не него нея ни ние никой нито но о от
        отново още по под поне поради после при през с са само се си след със също т така такава такива там те тези
        ти то това тогава този той тук тя тях у че чрез ще я""",
    "sr": """а ако али без би била били било био већ да до док због за и из или им има их ја је једна једно један
        као када кад како кога која које који којих којој ли између ми може на над наш не него ни није о од она оне они
        оно па по под после пре при са само се сам сви свим своје смо сте су та тај тако такође те то тога том
        ту у уз што ће што ту""",
    "el": """αλλά αν από αυτά αυτές αυτή αυτό αυτοί αυτός αυτού αυτών για γιατί δε δεν εάν είναι είχε ένα ένας εκείνα
        εκείνο ενώ επίσης εγώ έχει έχουν ή η θα και καθώς κάθε κατά κάποιος κι με μέσα μετά μη μην μία μια μόνο μπορεί
        να ο οι όλα όλοι όμως όπου όπως όταν ότι ούτε πιο ποια ποιος πολύ που πού πρέπει πριν προς πρώτα πως πώς σαν
        σας σε στα στη στην στις στο στον στους συ τα τη την της τι τις το τον του τους των ως ώστε""",
    "id": """ada adalah agar akan antara apa apabila apakah atau bagaimana bagi bahwa beberapa bila bisa bukan dalam dan
        dapat dari daripada dengan di dia hanya harus ia ini itu jika juga kami kapan kalau karena ke kepada ketika kita
        lain lagi lalu lebih maka mana masih mengapa mereka namun oleh pada para pernah saat saja sampai sangat saya
        sebagai sebelum sebuah secara sedang sehingga sejak semua seorang seperti sesuatu setelah setiap siapa suatu
        sudah supaya tanpa telah tentang terhadap tersebut tetapi tidak untuk yaitu yang""",
    "eo": """al aliaj ankaŭ ankoraŭ antaŭ apud aŭ ĉar ĉe ĉi ĉiu ĉiuj ĉu da de do dum ebla ekster el en estas estis
        esti ĝi ĝis ili ilia inter iu jam je jen jes kaj ke kia kial kiam kie kiel kiu kiuj kun la laŭ li lia mem mi
        mia multe ne nek ni nia nun nur ol oni per plej pli plu po por post povas pri pro se sed sen ses si sia sub
        sur ŝi tamen tia tial tie tio tiu tiuj tra tre tuj unu vi via""",
}


@functools.cache
def stopwords(language: str) -> frozenset[str]:
    """The stop words of a language (ISO 639-1), lower case; empty where none are known."""
    return frozenset(STOPWORD_TEXT.get(language, "").split())
