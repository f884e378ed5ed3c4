"""The endings that can be ordered, and what each registry demands of names and contacts.

Facts, not code: what Route 53 Domains sells and asks for, taken from the Amazon Route 53 Developer Guide ("Domains
that you can register", one page a TLD) and from `ExtraParam` in its API reference, read in November 2026. Endings that
Route 53 no longer registers (.sg, .com.sg, .ru) or never did (.at, .to, .ws) are not here, nor .ai, which it sells for
two years at the least. Where the registry is stricter than Amazon's page, the registrar's answer decides.

A demand that concerns one contact stands here as a fragment of JSON Schema; `contact_schema.py` puts them together.
Demands on several contacts at once (.de: somebody of them lives in Germany) can't be told of one contact and are left
to the registrar.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .registration import Contact, ContactRole

Fragment = Mapping[str, Any]
"""A piece of JSON Schema (draft 2020-12)."""

# -- countries ----------------------------------------------------------------------------------------------------

EU = (
    *(
        "AT",
        "BE",
        "BG",
        "CY",
        "CZ",
        "DE",
        "DK",
        "EE",
        "ES",
        "FI",
        "FR",
        "GR",
        "HR",
        "HU",
        "IE",
        "IT",
        "LT",
        "LU",
    ),
    *("LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"),
)
EEA = (*EU, "IS", "LI", "NO")
FRENCH_TERRITORIES = ("BL", "GF", "GP", "MF", "MQ", "NC", "PF", "PM", "RE", "TF", "WF", "YT")
STATE_NEEDED = ("AU", "CA", "US")


# -- how a demand is written --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ExtraProperty:
    """A field of `extra_properties`: what clients call it, what Route 53 calls it, and what may stand in it."""

    name: str
    parameter: str
    title: str
    description: str
    schema: Fragment = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ContactDemand:
    """What a registry wants of a contact in one of these roles. `why` is a sentence for people."""

    why: str
    then: Fragment
    when: Fragment | None = None
    roles: tuple[ContactRole, ...] = tuple(ContactRole)


OWNER = (ContactRole.OWNER,)
OWNER_AND_ADMIN = (ContactRole.OWNER, ContactRole.ADMIN)
ALL_BUT_OWNER = (ContactRole.ADMIN, ContactRole.BILLING, ContactRole.TECH)

IS_ORGANIZATION: Fragment = {"required": ["organization"]}
IS_PERSON: Fragment = {"not": IS_ORGANIZATION}


def _lives_in(countries: Sequence[str]) -> Fragment:
    return {"properties": {"country": {"enum": list(countries)}}}


def _both(*conditions: Fragment) -> Fragment:
    return {"allOf": list(conditions)}


def _extra_is(name: str, values: Sequence[str]) -> Fragment:
    inner = {"properties": {name: {"enum": list(values)}}, "required": [name]}
    return {"properties": {"extra_properties": inner}, "required": ["extra_properties"]}


def _extras_needed(*names: str) -> Fragment:
    return {"properties": {"extra_properties": {"required": list(names)}}, "required": ["extra_properties"]}


def _extra_looks_like(name: str, pattern: str) -> Fragment:
    return {"properties": {"extra_properties": {"properties": {name: {"pattern": pattern}}}}}


@dataclass(frozen=True, slots=True)
class TldFacts:
    """One ending. `letters` are the letters besides a–z that its registry takes: None when it takes whatever IDNA
    2008 allows, empty when it registers no internationalized names. `kinds` maps the value of an extra property to
    Route 53's contact type."""

    name: str
    idn: bool = True
    letters: str | None = None
    emoji: bool = False
    shortest: int = 1
    authcode_required: bool = True
    extras: tuple[ExtraProperty, ...] = ()
    demands: tuple[ContactDemand, ...] = ()
    kind_property: str = ""
    kinds: Mapping[str, str] = field(default_factory=dict)
    always_person: tuple[ContactRole, ...] = ()
    examples: tuple[Mapping[str, Any], ...] = ()
    note: str = ""


# -- example contacts ---------------------------------------------------------------------------------------------

_ADDRESSES: Mapping[str, Mapping[str, str]] = {
    "AU": {
        **{"street_address": "1 Example Street", "post_code": "2000", "city": "Sydney", "state": "NSW"},
        **{"country": "AU", "phone": "+61.291234567"},
    },
    "CA": {
        **{"street_address": "1 Example Street", "post_code": "K1A 0B1", "city": "Ottawa", "state": "ON"},
        **{"country": "CA", "phone": "+1.6135550100"},
    },
    "CH": {
        **{"street_address": "Bahnhofstrasse 1", "post_code": "8001", "city": "Zürich"},
        **{"country": "CH", "phone": "+41.443010000"},
    },
    "DE": {
        **{"street_address": "Beispielweg 1", "post_code": "10115", "city": "Berlin"},
        **{"country": "DE", "phone": "+49.3012345678"},
    },
    "ES": {
        **{"street_address": "Calle Ejemplo 1", "post_code": "28001", "city": "Madrid"},
        **{"country": "ES", "phone": "+34.911234567"},
    },
    "FI": {
        **{"street_address": "Esimerkkikatu 1", "post_code": "00100", "city": "Helsinki"},
        **{"country": "FI", "phone": "+358.91234567"},
    },
    "FR": {
        **{"street_address": "1 rue de l’Exemple", "post_code": "75001", "city": "Paris"},
        **{"country": "FR", "phone": "+33.140000000"},
    },
    "GB": {
        **{"street_address": "12 High Street", "post_code": "SW1A 1AA", "city": "London"},
        **{"country": "GB", "phone": "+44.2071234567"},
    },
    "IT": {
        **{"street_address": "Via Esempio 1", "post_code": "00118", "city": "Roma"},
        **{"country": "IT", "phone": "+39.0612345678"},
    },
    "SE": {
        **{"street_address": "Exempelgatan 1", "post_code": "111 20", "city": "Stockholm"},
        **{"country": "SE", "phone": "+46.81234567"},
    },
    "US": {
        **{"street_address": "1 Example Street", "post_code": "98101", "city": "Seattle", "state": "WA"},
        **{"country": "US", "phone": "+1.2065550100"},
    },
}


def _example(country: str, organization: str = "", **extra: str) -> Mapping[str, Any]:
    contact: dict[str, Any] = {"first_name": "Ada", "last_name": "Example", "email": "ada@example.com"}
    contact |= _ADDRESSES[country]
    if organization:
        contact["organization"] = organization
    if extra:
        contact["extra_properties"] = extra
    return contact


# -- properties that several registries ask for -------------------------------------------------------------------

_COUNTRY: Fragment = {"pattern": "^[A-Z]{2}$"}
_DATE: Fragment = {"pattern": r"^(19|20)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"}

_VAT_NUMBER = ExtraProperty(
    "vatNumber", "VAT_NUMBER", "VAT number", "The organization's VAT number, with its country prefix."
)
_BIRTH_DATE = ExtraProperty(
    "birthDate",
    "BIRTH_DATE_IN_YYYY_MM_DD",
    "Date of birth",
    "The person's date of birth, as YYYY-MM-DD.",
    _DATE,
)
_BIRTH_COUNTRY = ExtraProperty(
    "birthCountry", "BIRTH_COUNTRY", "Country of birth", "ISO 3166-1 alpha-2 code, in capitals.", _COUNTRY
)

# -- .it ----------------------------------------------------------------------------------------------------------

_IT_KINDS = {
    "FOREIGNERS": "COMPANY",
    "FREELANCE_WORKERS": "COMPANY",
    "ITALIAN_COMPANIES": "COMPANY",
    "NON_PROFIT_ORGANIZATIONS": "ASSOCIATION",
    "OTHER_SUBJECTS": "COMPANY",
    "PUBLIC_ORGANIZATIONS": "PUBLIC_BODY",
}

_IT = TldFacts(
    "it",
    note="The owner has an address in the European Union.",
    examples=(
        _example("IT", pin="RSSMRA80A01H501U", nationality="IT"),
        _example("IT", "Esempio S.r.l.", entityType="ITALIAN_COMPANIES", pin="12345678901"),
        _example("DE", "Beispiel GmbH", entityType="FOREIGNERS", pin="HRB 12345"),
    ),
    extras=(
        ExtraProperty(
            "entityType",
            "IT_REGISTRANT_ENTITY_TYPE",
            "Kind of registrant",
            "What kind of organization the registrant is; FOREIGNERS for one from outside Italy. A private person "
            "leaves it out.",
            {"enum": sorted(_IT_KINDS)},
        ),
        ExtraProperty(
            "pin",
            "IT_PIN",
            "Identification number",
            "In Italy the codice fiscale (16 characters) or the partita IVA (11 digits); elsewhere in the European "
            "Union the number of an identity document, or of the company.",
            {"minLength": 3, "maxLength": 40},
        ),
        ExtraProperty(
            "nationality",
            "IT_NATIONALITY",
            "Nationality",
            "The person's nationality: ISO 3166-1 alpha-2 code, in capitals.",
            _COUNTRY,
        ),
        _VAT_NUMBER,
    ),
    demands=(
        ContactDemand(
            "The owner of a .it domain has an address in the European Union.", _lives_in(EU), roles=OWNER
        ),
        ContactDemand(
            "The .it registry identifies every owner by a number.", _extras_needed("pin"), roles=OWNER
        ),
        ContactDemand(
            "The .it registry wants to know what kind of organization the owner is.",
            _extras_needed("entityType"),
            when=IS_ORGANIZATION,
            roles=OWNER,
        ),
        ContactDemand(
            "The .it registry wants to know a private owner's nationality.",
            _extras_needed("nationality"),
            when=IS_PERSON,
            roles=OWNER,
        ),
        ContactDemand(
            "In Italy this is a codice fiscale of 16 characters or a partita IVA of 11 digits.",
            _extra_looks_like("pin", r"^([A-Za-z0-9]{16}|[0-9]{11})$"),
            when=_lives_in(["IT"]),
            roles=OWNER,
        ),
    ),
    kind_property="entityType",
    kinds=_IT_KINDS,
)

# -- .es ----------------------------------------------------------------------------------------------------------

_ES_FORMS = (
    *("ASSOCIATION", "CENTRAL_GOVERNMENT_BODY", "CIVIL_SOCIETY", "COMMUNITY_OF_OWNERS", "COMMUNITY_PROPERTY"),
    *("CONSULATE", "COOPERATIVE", "DESIGNATION_OF_ORIGIN_SUPERVISORY_COUNCIL", "ECONOMIC_INTEREST_GROUP"),
    *("EMBASSY", "ENTITY_MANAGING_NATURAL_AREAS", "FARM_PARTNERSHIP", "FOUNDATION"),
    *("GENERAL_AND_LIMITED_PARTNERSHIP", "GENERAL_PARTNERSHIP", "INDIVIDUAL", "LIMITED_COMPANY"),
    *("LOCAL_AUTHORITY", "LOCAL_PUBLIC_ENTITY", "MUTUAL_INSURANCE_COMPANY", "NATIONAL_PUBLIC_ENTITY"),
    *("ORDER_OR_RELIGIOUS_INSTITUTION", "OTHERS", "POLITICAL_PARTY", "PROFESSIONAL_ASSOCIATION"),
    *(
        "PUBLIC_LAW_ASSOCIATION",
        "PUBLIC_LIMITED_COMPANY",
        "REGIONAL_GOVERNMENT_BODY",
        "REGIONAL_PUBLIC_ENTITY",
    ),
    *("SAVINGS_BANK", "SPANISH_OFFICE", "SPORTS_ASSOCIATION", "SPORTS_FEDERATION", "SPORTS_LIMITED_COMPANY"),
    *("TEMPORARY_ALLIANCE_OF_ENTERPRISES", "TRADE_UNION", "WORKER_OWNED_COMPANY"),
    *("WORKER_OWNED_LIMITED_COMPANY",),
)
_ES_INDIVIDUAL = _extra_is("legalForm", ["INDIVIDUAL"])

_ES = TldFacts(
    "es",
    letters="áàéèíïóòúüñç·",
    note="For those with an interest in or a connection with Spain.",
    examples=(
        _example("ES", legalForm="INDIVIDUAL", identificationType="DNI_AND_NIF", identification="12345678M"),
        _example("ES", "Ejemplo S.L.", legalForm="LIMITED_COMPANY", identification="B12345678"),
        _example("FR", legalForm="INDIVIDUAL", identificationType="OTHER", identification="12AB34567"),
    ),
    extras=(
        ExtraProperty(
            "legalForm",
            "ES_LEGAL_FORM",
            "Legal form",
            "INDIVIDUAL for a person; OTHERS only outside Spain.",
            {"enum": list(_ES_FORMS)},
        ),
        ExtraProperty(
            "identificationType",
            "ES_IDENTIFICATION_TYPE",
            "Kind of identification",
            "For an INDIVIDUAL: DNI_AND_NIF for Spaniards, NIE for foreigners who live in Spain, OTHER for people "
            "outside Spain.",
            {"enum": ["DNI_AND_NIF", "NIE", "OTHER"]},
        ),
        ExtraProperty(
            "identification",
            "ES_IDENTIFICATION",
            "Identification number",
            "An organization's CIF (B12345678), a Spaniard's DNI or NIF (12345678M), a resident's NIE (Y1234567X), or "
            "the number of a passport, driver's licence or identity card.",
            {"minLength": 3, "maxLength": 40},
        ),
    ),
    demands=(
        ContactDemand(
            "The .es registry identifies every owner by a legal form and a number.",
            _extras_needed("legalForm", "identification"),
            roles=OWNER,
        ),
        ContactDemand(
            "For a person the .es registry wants to know what the number is.",
            _extras_needed("identificationType"),
            when=_ES_INDIVIDUAL,
            roles=OWNER,
        ),
        ContactDemand(
            "An organization gives its CIF here: a letter and eight digits, such as B12345678.",
            _extra_looks_like("identification", r"^[A-Za-z][0-9]{7}[0-9A-Ja-j]$"),
            when=_extra_is("legalForm", [form for form in _ES_FORMS if form not in ("INDIVIDUAL", "OTHERS")]),
            roles=OWNER,
        ),
        ContactDemand(
            "A DNI or NIF is eight digits and a letter, such as 12345678M.",
            _extra_looks_like("identification", r"^[0-9]{8}[A-Za-z]$"),
            when=_both(_ES_INDIVIDUAL, _extra_is("identificationType", ["DNI_AND_NIF"])),
            roles=OWNER,
        ),
        ContactDemand(
            "A NIE is a letter, seven digits and a letter, such as Y1234567X.",
            _extra_looks_like("identification", r"^[A-Za-z][0-9]{7}[A-Za-z]$"),
            when=_both(_ES_INDIVIDUAL, _extra_is("identificationType", ["NIE"])),
            roles=OWNER,
        ),
    ),
    # "For .es domains, the value of ContactType must be PERSON for all three contacts" (ContactDetail).
    always_person=tuple(ContactRole),
)

# -- .ca ----------------------------------------------------------------------------------------------------------

_CA_PEOPLE = ("ABO", "CCT", "LGR", "RES")
_CA_ORGANIZATIONS = (
    *("ASS", "CCO", "EDU", "GOV", "HOP", "INB", "LAM", "MAJ", "OMK", "PLT", "PRT", "TDM", "TRD", "TRS"),
)

_CA = TldFacts(
    "ca",
    letters="àâæçèéêëîïôœùûüÿ",
    shortest=2,
    note="For those who meet the Canadian Presence Requirements.",
    examples=(
        _example("CA", legalType="CCT"),
        _example("CA", "Example Inc.", legalType="CCO", businessEntityType="INC"),
    ),
    extras=(
        ExtraProperty(
            "legalType",
            "CA_LEGAL_TYPE",
            "Legal type",
            "What entitles the owner to a .ca domain. People: CCT Canadian citizen, RES permanent resident, LGR legal "
            "representative of either, ABO indigenous people. Organizations: CCO corporation, ASS association, EDU "
            "educational institution, GOV government, HOP hospital, INB Indian band, LAM library, archive or museum, "
            "MAJ His Majesty, OMK official mark, PLT political party, PRT partnership, TDM trade mark registered in "
            "Canada, TRD trade union, TRS trust.",
            {"enum": [*_CA_PEOPLE, *_CA_ORGANIZATIONS]},
        ),
        ExtraProperty(
            "businessEntityType",
            "CA_BUSINESS_ENTITY_TYPE",
            "Form of business",
            "The form of a corporation's business.",
            {
                "enum": [
                    *(
                        "BANK",
                        "COMMERCIAL_COMPANY",
                        "COMPANY",
                        "COOPERATION",
                        "COOPERATIVE",
                        "COOPRIX",
                        "CORP",
                    ),
                    *(
                        "CREDIT_UNION",
                        "FOMIA",
                        "INC",
                        "LTD",
                        "LTEE",
                        "LLC",
                        "LLP",
                        "LTE",
                        "MBA",
                        "MIC",
                        "NFP",
                    ),
                    *("SA", "SAVINGS_COMPANY", "SAVINGS_UNION", "SARL", "TRUST", "ULC"),
                ]
            },
        ),
        ExtraProperty(
            "brandNumber",
            "BRAND_NUMBER",
            "Trade mark number",
            "The number of the Canadian trade mark (legal type TDM).",
        ),
    ),
    demands=(
        ContactDemand(
            "The .ca registry wants to know what entitles the owner to a .ca domain.",
            _extras_needed("legalType"),
            roles=OWNER,
        ),
        ContactDemand(
            "With this legal type the owner is an organization, under its full legal name.",
            {"required": ["organization"]},
            when=_extra_is("legalType", _CA_ORGANIZATIONS),
            roles=OWNER,
        ),
        ContactDemand(
            "The administrative and the technical contact of a .ca domain are people who live in Canada.",
            _lives_in(["CA"]),
            roles=(ContactRole.ADMIN, ContactRole.TECH),
        ),
    ),
    kind_property="legalType",
    kinds={
        **dict.fromkeys(_CA_PEOPLE, "PERSON"),
        **dict.fromkeys(_CA_ORGANIZATIONS, "COMPANY"),
        "ASS": "ASSOCIATION",
        "GOV": "PUBLIC_BODY",
        "MAJ": "PUBLIC_BODY",
    },
    always_person=ALL_BUT_OWNER,
)

# -- .au ----------------------------------------------------------------------------------------------------------

_AU_ELIGIBILITY = (
    *("CHARITABLE_TRUST", "CHARITY", "CHILD_CARE_CENTRE", "CLUB", "COMMERCIAL_STATUTORY_BODY"),
    *("COMMONWEALTH_ENTITY", "COMPANY", "COMPANY_LIMITED_BY_GUARANTEE", "EDUCATIONAL_INSTITUTION"),
    *(
        "GOVERNMENT_SCHOOL",
        "HIGHER_EDUCATION_INSTITUTION",
        "INCORPORATED_ASSOCIATION",
        "INDIGENOUS_CORPORATION",
    ),
    *("INDUSTRY_BODY", "INDUSTRY_ORGANISATION", "NATIONAL_BODY", "NON_DISTRIBUTING_COOPERATIVE"),
    *("NON_GOVERNMENT_SCHOOL", "NON_PROFIT_ORGANISATION", "NON_TRADING_COOPERATIVE"),
    *("NOT_FOR_PROFIT_COMMUNITY_GROUP", "PARTNERSHIP", "PEAK_STATE_TERRITORY_BODY", "PENDING_TM_OWNER"),
    *("POLITICAL_PARTY", "PRESCHOOL", "PUBLIC_PRIVATE_ANCILLARY_FUND", "REGISTERED_BUSINESS"),
    *(
        "REGISTERED_ORGANISATION",
        "REGISTRABLE_BODY",
        "RESEARCH_ORGANISATION",
        "STATUTORY_BODY",
        "TRADE_UNION",
    ),
    *(
        "TRADEMARK_OWNER",
        "TRADING_COOPERATIVE",
        "TRAINING_ORGANISATION",
        "TRUST",
        "UNINCORPORATED_ASSOCIATION",
    ),
    *("EDUCATION_AND_CARE_SERVICES_CHILDCARE", "GOVERNMENT_BODY", "PROVIDER_OF_NON_ACCREDITED_TRAINING"),
    *("RELIGIOUS_CHURCH_GROUP", "SOLE_TRADER"),
)

_COM_AU = TldFacts(
    "com.au",
    idn=False,
    note="For organizations registered or trading in Australia, and for owners of an Australian trade mark; not for "
    "private persons.",
    examples=(
        _example(
            "AU",
            "Example Pty Ltd",
            registrantName="EXAMPLE PTY LTD",
            idType="ABN",
            idNumber="51824753556",
            eligibilityType="COMPANY",
            policyReason="POLICY_REASON_1",
        ),
    ),
    extras=(
        ExtraProperty(
            "registrantName",
            "AU_REGISTRANT_NAME",
            "Registrant's name",
            "The name of the legal entity, exactly as it stands in the register of its number.",
        ),
        ExtraProperty(
            "idType",
            "AU_ID_TYPE",
            "Kind of number",
            "ABN: Australian business number, ACN: Australian company number, TM: trade mark number.",
            {"enum": ["ABN", "ACN", "TM"]},
        ),
        ExtraProperty(
            "idNumber",
            "AU_ID_NUMBER",
            "Number",
            "The ABN (11 digits), ACN (9 digits) or trade mark number.",
            {"pattern": r"^[0-9][0-9 ]{1,18}$"},
        ),
        ExtraProperty(
            "eligibilityType",
            "AU_ELIGIBILITY_TYPE",
            "Kind of legal entity",
            "What kind of legal entity registers the domain.",
            {"enum": list(_AU_ELIGIBILITY)},
        ),
        ExtraProperty(
            "policyReason",
            "AU_POLICY_REASON",
            "Reason",
            "POLICY_REASON_1: the domain is an acronym or abbreviation of the entity's name or trade mark. "
            "POLICY_REASON_2: it is allowed for another reason.",
            {"enum": ["POLICY_REASON_1", "POLICY_REASON_2"]},
        ),
    ),
    demands=(
        ContactDemand(
            "Only organizations can own domains under .au.", {"required": ["organization"]}, roles=OWNER
        ),
        ContactDemand(
            "The .au registry checks who the owner is, and why it may have the domain.",
            _extras_needed("registrantName", "idType", "idNumber", "eligibilityType", "policyReason"),
            roles=OWNER,
        ),
        ContactDemand(
            "An ABN has 11 digits.",
            _extra_looks_like("idNumber", r"^( *[0-9]){11} *$"),
            when=_extra_is("idType", ["ABN"]),
            roles=OWNER,
        ),
        ContactDemand(
            "An ACN has 9 digits.",
            _extra_looks_like("idNumber", r"^( *[0-9]){9} *$"),
            when=_extra_is("idType", ["ACN"]),
            roles=OWNER,
        ),
    ),
)

_AU = replace(
    _COM_AU,
    name="au",
    extras=(
        *_COM_AU.extras,
        ExtraProperty(
            "priorityToken",
            "AU_PRIORITY_TOKEN",
            "Priority token",
            "The registry's token for a registrant who holds the same name under .com.au or a similar ending.",
        ),
    ),
)

# -- .uk ----------------------------------------------------------------------------------------------------------

_UK_KINDS = {
    "CRC": "COMPANY",
    "FCORP": "COMPANY",
    "FIND": "PERSON",
    "FOTHER": "COMPANY",
    "GOV": "PUBLIC_BODY",
    "IND": "PERSON",
    "IP": "COMPANY",
    "LLP": "COMPANY",
    "LTD": "COMPANY",
    "OTHER": "COMPANY",
    "PLC": "COMPANY",
    "PTNR": "COMPANY",
    "RCHAR": "ASSOCIATION",
    "SCH": "PUBLIC_BODY",
    "STAT": "PUBLIC_BODY",
    "STRA": "COMPANY",
}
_UK_NEEDS_NO_ORGANIZATION = ("FIND", "IND", "STRA")

_UK = TldFacts(
    "uk",
    idn=False,
    authcode_required=False,
    note="A transfer needs no auth code: the current registrar sets the domain's IPS tag to GANDI.",
    examples=(
        _example("GB", contactType="IND"),
        _example("GB", "Example Ltd", contactType="LTD", companyNumber="01234567"),
        _example("FR", contactType="FIND"),
    ),
    extras=(
        ExtraProperty(
            "contactType",
            "UK_CONTACT_TYPE",
            "Kind of registrant",
            "IND: person in the UK, FIND: person elsewhere, STRA: sole trader, LTD: limited company, PLC: public "
            "limited company, PTNR: partnership, LLP: limited liability partnership, IP: industrial or provident "
            "company, CRC: corporation by Royal Charter, RCHAR: charity, SCH: school, GOV: government body, STAT: "
            "statutory body, OTHER: other body in the UK, FCORP: corporation elsewhere, FOTHER: other body elsewhere.",
            {"enum": sorted(_UK_KINDS)},
        ),
        ExtraProperty(
            "companyNumber", "UK_COMPANY_NUMBER", "Company number", "The number in the register of companies."
        ),
    ),
    demands=(
        ContactDemand(
            "The .uk registry wants to know what kind of registrant the owner is.",
            _extras_needed("contactType"),
            roles=OWNER,
        ),
        ContactDemand(
            "A registered company gives its number.",
            _extras_needed("companyNumber"),
            when=_extra_is("contactType", ["LTD", "LLP", "PLC"]),
            roles=OWNER,
        ),
        ContactDemand(
            "With this kind of registrant the owner is an organization.",
            {"required": ["organization"]},
            when=_extra_is(
                "contactType", [kind for kind in sorted(_UK_KINDS) if kind not in _UK_NEEDS_NO_ORGANIZATION]
            ),
            roles=OWNER,
        ),
    ),
    kind_property="contactType",
    kinds=_UK_KINDS,
)

# -- .fi ----------------------------------------------------------------------------------------------------------

_FI_KINDS = {
    "COMPANY": "COMPANY",
    "CORPORATION": "COMPANY",
    "GOVERNMENT": "PUBLIC_BODY",
    "INSTITUTION": "PUBLIC_BODY",
    "POLITICAL_PARTY": "ASSOCIATION",
    "PUBLIC_COMMUNITY": "PUBLIC_BODY",
    "TOWNSHIP": "PUBLIC_BODY",
}
_ABROAD: Fragment = {"not": _lives_in(["FI"])}

_FI = TldFacts(
    "fi",
    shortest=2,
    examples=(
        _example("FI", nationality="FINNISH", idNumber="131052-308T"),
        _example(
            "FI",
            "Esimerkki Oy",
            nationality="FINNISH",
            organizationType="COMPANY",
            businessNumber="1234567-1",
        ),
        _example("SE", nationality="NOT_FINNISH", birthDate="1980-01-10"),
        _example(
            "DE",
            "Beispiel GmbH",
            nationality="NOT_FINNISH",
            organizationType="COMPANY",
            vatNumber="DE123456789",
        ),
    ),
    extras=(
        ExtraProperty(
            "nationality",
            "FI_NATIONALITY",
            "Finnish or not",
            "FINNISH for a person or organization of Finland, else NOT_FINNISH.",
            {"enum": ["FINNISH", "NOT_FINNISH"]},
        ),
        ExtraProperty(
            "idNumber",
            "FI_ID_NUMBER",
            "Finnish identity number",
            "The henkilötunnus of a person in Finland, such as 131052-308T.",
            {"pattern": r"^[0-9]{6}[-+A-FU-Ya-fu-y][0-9]{3}[0-9A-Za-z]$"},
        ),
        ExtraProperty(
            "businessNumber",
            "FI_BUSINESS_NUMBER",
            "Finnish business number",
            "The Y-tunnus of an organization in Finland, such as 1234567-1.",
            {"pattern": r"^[0-9]{7}-?[0-9]$"},
        ),
        ExtraProperty(
            "organizationType",
            "FI_ORGANIZATION_TYPE",
            "Kind of organization",
            "What kind of organization the owner is.",
            {"enum": sorted(_FI_KINDS)},
        ),
        _BIRTH_DATE,
        _VAT_NUMBER,
    ),
    demands=(
        ContactDemand(
            "The .fi registry wants to know whether the owner is Finnish.",
            _extras_needed("nationality"),
            roles=OWNER,
        ),
        ContactDemand(
            "A person in Finland is identified by the identity number.",
            _extras_needed("idNumber"),
            when=_both(IS_PERSON, _lives_in(["FI"])),
            roles=OWNER,
        ),
        ContactDemand(
            "A person outside Finland is identified by the date of birth.",
            _extras_needed("birthDate"),
            when=_both(IS_PERSON, _ABROAD),
            roles=OWNER,
        ),
        ContactDemand(
            "The .fi registry wants to know what kind of organization the owner is.",
            _extras_needed("organizationType"),
            when=IS_ORGANIZATION,
            roles=OWNER,
        ),
        ContactDemand(
            "An organization in Finland is identified by its business number.",
            _extras_needed("businessNumber"),
            when=_both(IS_ORGANIZATION, _lives_in(["FI"])),
            roles=OWNER,
        ),
        ContactDemand(
            "An organization outside Finland is identified by its VAT number.",
            _extras_needed("vatNumber"),
            when=_both(IS_ORGANIZATION, _ABROAD),
            roles=OWNER,
        ),
    ),
    kind_property="organizationType",
    kinds=_FI_KINDS,
)

# -- .fr, .eu, .se ------------------------------------------------------------------------------------------------

_FR = TldFacts(
    "fr",
    letters="ßàáâãäåæçèéêëìíîïñòóôõöùúûüýÿœ",
    note="The owner and the administrative contact are in the European Economic Area, in Switzerland or in a French "
    "territory; people are 18 or older.",
    examples=(
        _example("FR", birthDate="1980-01-10", birthCity="Lyon", birthCountry="FR", birthDepartment="69"),
        _example("CH", "Exemple SA"),
    ),
    extras=(
        _BIRTH_DATE,
        _BIRTH_COUNTRY,
        ExtraProperty("birthCity", "BIRTH_CITY", "Place of birth", "The town in which the person was born."),
        ExtraProperty(
            "birthDepartment",
            "BIRTH_DEPARTMENT",
            "Department of birth",
            "For people born in France: the number of the department or the postal code of the town.",
            {"pattern": r"^[0-9][0-9AB][0-9]{0,3}$"},
        ),
        _VAT_NUMBER,
        ExtraProperty(
            "brandNumber", "BRAND_NUMBER", "Trade mark number", "The number of the organization's trade mark."
        ),
        ExtraProperty(
            "dunsNumber",
            "DUNS_NUMBER",
            "D-U-N-S number",
            "The organization's nine digits at Dun & Bradstreet.",
            {"pattern": r"^[0-9]{9}$"},
        ),
    ),
    demands=(
        ContactDemand(
            "The owner and the administrative contact of a .fr domain are in the European Economic Area, in "
            "Switzerland or in a French territory.",
            _lives_in([*EEA, "CH", *FRENCH_TERRITORIES]),
            roles=OWNER_AND_ADMIN,
        ),
        ContactDemand(
            "The .fr registry wants to know a private owner's date of birth.",
            _extras_needed("birthDate"),
            when=IS_PERSON,
            roles=OWNER,
        ),
    ),
)

_EU = TldFacts(
    "eu",
    shortest=2,
    note="For residents and organizations of the European Economic Area, and for citizens of the European Union.",
    examples=(
        _example("DE"),
        _example("FR", "Exemple SARL"),
        _example("US", countryOfCitizenship="IT"),
    ),
    extras=(
        ExtraProperty(
            "countryOfCitizenship",
            "EU_COUNTRY_OF_CITIZENSHIP",
            "Country of citizenship",
            "For a citizen of the European Union who lives outside the European Economic Area: the country of "
            "citizenship, ISO 3166-1 alpha-2.",
            {"enum": list(EU)},
        ),
    ),
    demands=(
        ContactDemand(
            "An organization that owns a .eu domain has an address in the European Economic Area.",
            _lives_in(EEA),
            when=IS_ORGANIZATION,
            roles=OWNER,
        ),
        ContactDemand(
            "Outside the European Economic Area only citizens of the European Union can own a .eu domain.",
            _extras_needed("countryOfCitizenship"),
            when=_both(IS_PERSON, {"not": _lives_in(EEA)}),
            roles=OWNER,
        ),
    ),
)

_SE = TldFacts(
    "se",
    shortest=2,
    note="The registry checks the owner's identity by documents; the domain stays pending until it has them.",
    examples=(
        _example("SE", idNumber="780110-1234"),
        _example("DE", "Beispiel GmbH", idNumber="DE123456789"),
    ),
    extras=(
        ExtraProperty(
            "idNumber",
            "SE_ID_NUMBER",
            "Identification number",
            "In Sweden the personal or organization number, such as 780110-1234; elsewhere a number such as the tax "
            "number.",
            {"minLength": 3, "maxLength": 40},
        ),
        _BIRTH_COUNTRY,
        _VAT_NUMBER,
    ),
    demands=(
        ContactDemand(
            "The .se registry identifies every owner by a number.", _extras_needed("idNumber"), roles=OWNER
        ),
        ContactDemand(
            "A Swedish number is six digits, a hyphen and four digits, such as 780110-1234.",
            _extra_looks_like("idNumber", r"^[0-9]{6}-[0-9]{4}$"),
            when=_lives_in(["SE"]),
            roles=OWNER,
        ),
    ),
)

# -- all of them --------------------------------------------------------------------------------------------------

# Latin-1 and Latin Extended-A, small letters: DENIC's list of 93.
_DE_LETTERS = "ßàáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿāăąćĉċčďđēĕėęěĝğġģĥħĩīĭįıĵķĸĺļľłńņňŋōŏőœŕŗřśŝşšţťŧũūŭůűųŵŷźżž"

TLDS: Mapping[str, TldFacts] = {
    tld.name: tld
    for tld in (
        TldFacts("com"),
        TldFacts("net"),
        TldFacts("org"),
        TldFacts("info"),
        TldFacts("app", note="Browsers open domains under .app with HTTPS only."),
        TldFacts("dev", note="Browsers open domains under .dev with HTTPS only."),
        TldFacts("io"),
        TldFacts("me"),
        TldFacts("online"),
        TldFacts("shop"),
        TldFacts("store"),
        TldFacts("xyz"),
        _AU,
        TldFacts("be", letters="ßàáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿœ", shortest=2),
        _CA,
        TldFacts("ch", letters="àáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿœ"),
        replace(_UK, name="co.uk"),
        _COM_AU,
        TldFacts(
            "de",
            letters=_DE_LETTERS,
            examples=(_example("DE"), _example("DE", "Beispiel GmbH")),
            note="The owner or the administrative contact lives in Germany.",
        ),
        _ES,
        _EU,
        _FI,
        TldFacts("fm", emoji=True),
        _FR,
        TldFacts("in", idn=False),
        _IT,
        replace(_COM_AU, name="net.au"),
        TldFacts("nl", idn=False, shortest=3),
        replace(_UK, name="org.uk"),
        _SE,
        _UK,
        TldFacts(
            "us",
            idn=False,
            examples=(_example("US"),),
            note="For websites and activities in the United States.",
        ),
    )
}


# -- for the registrar --------------------------------------------------------------------------------------------


def extra_param_name(tld: str, property_name: str) -> str:
    """Route 53's `ExtraParamName` of one of our `extra_properties`. Raises KeyError when the TLD has none such."""
    for extra in TLDS[tld].extras:
        if extra.name == property_name:
            return extra.parameter
    raise KeyError(property_name)


def contact_type(tld: str, contact: Contact, role: ContactRole = ContactRole.OWNER) -> str:
    """Route 53's `ContactType`. Whoever is not a PERSON has to name an organization, so without one it is a PERSON."""
    facts = TLDS[tld]
    if role in facts.always_person or not contact.organization:
        return "PERSON"
    return facts.kinds.get(contact.extra.get(facts.kind_property, ""), "COMPANY")
