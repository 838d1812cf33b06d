"""Short forms that end in a full stop without ending a sentence, by language.

Two kinds. `NEVER`: something always follows ("Dr. Who", "Fig. 3", "e.g. this"). `SELDOM`: the sentence may end there
("etc.", "Inc.", "a.m.", "usw."), and does when the next word begins one. Written case-folded and without the last
full stop; forms set with spaces ("z. B.") stand here without them. Written for this project.
"""

from __future__ import annotations

import functools

__all__ = ["never_ends", "seldom_ends"]

_NEVER = {
    "en": """dr mr mrs ms mx prof rev hon gen col maj capt lt sgt gov sen rep pres supt messrs mt st fr sr
        e.g eg i.e ie cf viz vs v approx ca incl excl resp esp aka a.k.a dept univ
        fig figs eq eqs sec secs sect ch chap vol vols no nos nr pp p para art ref refs ed eds app tab thm lem
        jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thurs fri
        ave blvd rd min max avg num misc orig def temp tel ext attn""",
    "de": """dr prof hr hrn fr frl dipl ing med jur rer nat phil st hl
        z.b d.h u.a i.d.r o.ä i.a u.u z.t d.i s.o s.u v.a m.e o.g u.v.m i.e.s i.s.d a.a.o v.chr n.chr
        bzw ca vgl ggf gegebenenfalls evtl inkl exkl einschl zzgl abzgl sog insb insbes bspw allg urspr zw
        abb tab nr nrn bd bde kap abs art ziff s f ff hrsg aufl anm hg verf str tel max min mind
        jan feb mär apr jun jul aug sep sept okt nov dez mo di mi do fr sa so""",
    "fr": """m mm dr mgr pr me st ste p.ex c.-à-d c.à.d cf env av apr art chap fig vol n no nos pp p éd ex hab tél
        janv févr avr juil sept oct nov déc boul""",
    "es": """sr sra srta dr dra d dña prof ing lic p.ej ej cf aprox art cap fig vol núm núms pág págs p pp ed av avda
        tel ene feb mar abr jun jul ago sept oct nov dic ee.uu""",
    "it": """sig sigg sig.ra dott prof ing avv geom rag on p.es es cfr ca art cap fig vol n nn pag pagg p pp ed tel
        gen feb mar apr mag giu lug ago sett ott nov dic""",
    "pt": """sr sra dr dra prof eng p.ex ex cf aprox art cap fig vol núm n pág págs p pp ed av tel
        jan fev mar abr mai jun jul ago set out nov dez""",
    "nl": """dhr mevr mw dr drs prof ir ing mr bijv b.v d.w.z o.a m.b.t t.o.v i.v.m m.a.w t.a.v z.g zgn ca incl excl
        resp art blz p pp fig nr hfst vgl jan feb mrt apr jun jul aug sep okt nov dec""",
    "sv": """dr prof hr fr t.ex d.v.s dvs bl.a s.k m.a.o o.d p.g.a t.o.m fr.o.m ca resp inkl exkl jfr jmf kap s sid nr
        fig tab bil jan feb mar apr jun jul aug sep okt nov dec""",
    "da": """dr prof hr fr f.eks fx bl.a d.v.s dvs ca inkl ekskl jf kap s nr fig tab pga p.g.a m.h.t jan feb mar apr jun
        jul aug sep okt nov dec""",
    "no": """dr prof hr fr f.eks bl.a d.v.s dvs ca inkl ekskl jf kap s nr fig tab pga p.g.a m.h.t jan feb mar apr jun
        jul aug sep okt nov des""",
    "fi": """esim ks vrt ns n s nro ym tri prof kpl mm eli""",
    "pl": """dr prof mgr inż np tzn tj tzw m.in ok por zob św ul al nr str s t rys tab rozdz art ust poz pkt godz""",
    "cs": """dr prof ing mgr mudr judr např tj tzv tzn cca resp popř srov viz č čl odst str s obr tab kap sv ul""",
    "sk": """dr prof ing mgr napr t.j tzv tzn cca resp porov č čl ods str s obr tab kap sv ul""",
    "ru": """г-н г-жа д-р проф акад т.е т.к т.н т.д напр см ср ок прим рис табл гл стр с ст п пп № ул им св тыс
        млн млрд""",
    "uk": """проф акад т.зв напр див пор бл рис табл гл стор с ст п вул ім св тис млн млрд""",
    "tr": """dr prof doç av sn bkz örn yy no s çev yay haz cad sok mah""",
    "hu": """dr prof pl ún ill kb vö ld old sz szt u.n st özv ifj id""",
    "ro": """dr prof ing dl dna dnei ex cf nr art pag p fig cap aprox str bd""",
    "ca": """sr sra dr dra prof p.ex ex cf aprox art cap fig vol núm pàg p pp ed av""",
    "el": """κ κα κος κ.λπ π.χ δηλ βλ πρβλ αρ σελ εικ πίν κεφ αγ""",
}
_SELDOM = {
    "en": """etc inc ltd co corp llc bros jr esq ph.d phd m.d b.a m.a b.sc m.sc u.s u.k u.n u.s.a d.c e.u a.m p.m am pm
        b.c a.d et.al al ft lb oz hr hrs sec min""",
    "de": """usw etc u.s.w o.ä u.ä u.a.m dgl ag gmbh mio mrd tsd std min sek jh""",
    "fr": """etc cie ltée s.a av.j.-c apr.j.-c s""",
    "es": """etc s.a s.l uds ud vd vds a.c d.c""",
    "it": """ecc etc s.p.a s.r.l a.c d.c""",
    "pt": """etc s.a ltda a.c d.c""",
    "nl": """enz etc e.d b.v n.v""",
    "sv": """osv etc m.m m.fl o.s.v""",
    "da": """osv etc m.m m.fl a/s""",
    "no": """osv etc m.m m.fl""",
    "fi": """jne yms oy""",
    "pl": """itd itp etc r w wg""",
    "cs": """atd apod aj""",
    "sk": """atď apod""",
    "ru": """др пр г гг в вв руб коп""",
    "tr": """vb vs""",
    "hu": """stb""",
    "ro": """etc ș.a""",
}


@functools.cache
def never_ends(language: str) -> frozenset[str]:
    """Forms after which a sentence goes on; those of English too, which stand in technical text everywhere."""
    return frozenset(_NEVER["en"].split()) | frozenset(_NEVER.get(language, "").split())


@functools.cache
def seldom_ends(language: str) -> frozenset[str]:
    """Forms after which a sentence may end: it does if a word follows that begins one."""
    return frozenset(_SELDOM["en"].split()) | frozenset(_SELDOM.get(language, "").split())
