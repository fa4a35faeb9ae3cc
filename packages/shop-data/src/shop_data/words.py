"""Names, places and goods of the invented marketplace, with their weights.

Short lists, combined by the generator; written for this project, none of it describes a real person or firm.
"""

# ruff: noqa: E501, SIM905 - tables read better unwrapped, and lists of words without quotes

from __future__ import annotations

from dataclasses import dataclass

FEMALE_NAMES = tuple(
    (
        "Aadhya Aarohi Aishwarya Ananya Anjali Bhavya Charvi Deepika Diya Divya Farah Gauri Harini Isha "
        "Ishita Jaya Kavya Khushi Lakshmi Madhuri Meera Megha Naina Navya Neha Nisha Pooja Prachi Priya "
        "Radhika Rani Reema Riya Saanvi Sana Shreya Simran Sneha Sonal Sunita Swati Tanvi Tara Trisha "
        "Vaishnavi Vidya Yamini Zara"
    ).split()
)
MALE_NAMES = tuple(
    (
        "Aarav Abhishek Aditya Ajay Akash Amit Anand Aniket Arjun Aryan Ashok Bharat Chirag Deepak Dev Dhruv "
        "Farhan Gaurav Harsh Imran Ishaan Jatin Kabir Karan Karthik Krishna Kunal Manish Mohit Nakul Naveen "
        "Nikhil Pranav Rahul Rajesh Ravi Rohan Sahil Sameer Sanjay Siddharth Suresh Tarun Uday Varun Vihaan "
        "Vikram Yash"
    ).split()
)
LAST_NAMES = tuple(
    (
        "Agarwal Ahmed Bhat Bose Chakraborty Chauhan Chopra Das Desai Deshpande D'Souza Dutta Fernandes "
        "Gandhi Ghosh Gill Gowda Gupta Iyer Jain Joshi Kapoor Kaur Khan Kulkarni Kumar Malhotra Mehta Menon "
        "Mishra Mukherjee Naidu Nair Pandey Patel Patil Pillai Rao Rathore Reddy Roy Saxena Sen Shah Sharma "
        "Shetty Singh Sinha Thakur Verma Yadav"
    ).split()
)
MAIL_DOMAINS = ("example.com", "example.org", "example.net", "mail.example.in", "post.example.in")
STREETS = tuple(
    (
        "MG Road|Station Road|Gandhi Nagar|Nehru Street|Park Street|Temple Road|Lake View|Ring Road|"
        "Market Yard|Civil Lines|Rose Garden|Hill Road|Link Road|College Road|Church Street|Fort Road|"
        "Canal Road|Model Town|Shanti Nagar|Green Park|Vasant Vihar|Anna Salai|Residency Road|Airport Road|"
        "Old Town|Sector 12|Sector 45|Phase 2|5th Cross|80 Feet Road"
    ).split("|")
)
SEGMENTS = ("Consumer", "Premium", "Corporate", "Small Business", "New")
SEGMENT_WEIGHTS = (52, 16, 10, 12, 10)

# city, state, first four digits of its postal codes, weight
CITIES = (
    ("Mumbai", "Maharashtra", "4000", 120),
    ("Delhi", "Delhi", "1100", 115),
    ("Bengaluru", "Karnataka", "5600", 110),
    ("Hyderabad", "Telangana", "5000", 80),
    ("Chennai", "Tamil Nadu", "6000", 75),
    ("Pune", "Maharashtra", "4110", 65),
    ("Kolkata", "West Bengal", "7000", 65),
    ("Ahmedabad", "Gujarat", "3800", 50),
    ("Gurugram", "Haryana", "1220", 40),
    ("Noida", "Uttar Pradesh", "2013", 36),
    ("Jaipur", "Rajasthan", "3020", 32),
    ("Lucknow", "Uttar Pradesh", "2260", 30),
    ("Surat", "Gujarat", "3950", 28),
    ("Kochi", "Kerala", "6820", 24),
    ("Indore", "Madhya Pradesh", "4520", 22),
    ("Chandigarh", "Chandigarh", "1600", 20),
    ("Coimbatore", "Tamil Nadu", "6410", 20),
    ("Nagpur", "Maharashtra", "4400", 18),
    ("Visakhapatnam", "Andhra Pradesh", "5300", 18),
    ("Bhopal", "Madhya Pradesh", "4620", 16),
    ("Patna", "Bihar", "8000", 16),
    ("Thiruvananthapuram", "Kerala", "6950", 14),
    ("Vadodara", "Gujarat", "3900", 14),
    ("Ludhiana", "Punjab", "1410", 12),
    ("Mysuru", "Karnataka", "5700", 12),
    ("Nashik", "Maharashtra", "4220", 11),
    ("Guwahati", "Assam", "7810", 11),
    ("Bhubaneswar", "Odisha", "7510", 11),
    ("Dehradun", "Uttarakhand", "2480", 9),
    ("Kanpur", "Uttar Pradesh", "2080", 9),
    ("Ranchi", "Jharkhand", "8340", 8),
    ("Raipur", "Chhattisgarh", "4920", 8),
    ("Madurai", "Tamil Nadu", "6250", 8),
    ("Amritsar", "Punjab", "1430", 7),
    ("Mangaluru", "Karnataka", "5750", 7),
    ("Vijayawada", "Andhra Pradesh", "5200", 7),
    ("Panaji", "Goa", "4030", 6),
    ("Jammu", "Jammu and Kashmir", "1800", 5),
    ("Puducherry", "Puducherry", "6050", 5),
    ("Shillong", "Meghalaya", "7930", 3),
    ("Agartala", "Tripura", "7990", 3),
    ("Gangtok", "Sikkim", "7370", 2),
)

PAYMENT_METHODS = ("upi", "credit_card", "debit_card", "cash_on_delivery", "net_banking", "wallet", "emi")
PAYMENT_WEIGHTS = (44, 15, 11, 18, 5, 4, 3)


@dataclass(frozen=True)
class Subcategory:
    """A shelf of goods: what they are called, what they cost (rupees, low and high), and how they are taxed."""

    category: str
    name: str
    brands: tuple[str, ...]
    nouns: tuple[str, ...]
    low: int
    high: int
    margin: float  # share of the price that is not cost
    gst: int  # per cent
    weight: int


def _shelf(line: str) -> Subcategory:
    category, name, brands, nouns, low, high, margin, gst, weight = (part.strip() for part in line.split("|"))
    return Subcategory(
        category=category,
        name=name,
        brands=tuple(brands.split(",")),
        nouns=tuple(nouns.split(",")),
        low=int(low),
        high=int(high),
        margin=float(margin),
        gst=int(gst),
        weight=int(weight),
    )


SHELVES = tuple(
    _shelf(line)
    for line in """
Electronics | Mobiles | Zentel,Novik,Orbita,Kairo | Smartphone 64GB,Smartphone 128GB,Smartphone 256GB | 7999 | 69999 | 0.08 | 18 | 10
Electronics | Audio | Sonique,Basslane,Orbita | Wireless Earbuds,Headphones,Soundbar,Party Speaker | 799 | 14999 | 0.22 | 18 | 9
Electronics | Laptops | Kairo,Novik,Tessera | Laptop 14-inch,Laptop 15-inch,Gaming Laptop | 28999 | 129999 | 0.07 | 18 | 4
Electronics | Accessories | Plugwise,Zentel,Cordia | USB-C Cable,Fast Charger,Power Bank,Phone Case | 149 | 2499 | 0.45 | 18 | 12
Fashion | Women | Rangoli,Meher,Indigo Lane | Kurta,Saree,Dress,Dupatta,Palazzo | 399 | 5999 | 0.48 | 5 | 14
Fashion | Men | Northloom,Dhaga,Indigo Lane | Shirt,T-shirt,Jeans,Kurta Pyjama,Blazer | 349 | 4999 | 0.46 | 5 | 13
Fashion | Footwear | Stridex,Pathik,Chalo | Running Shoes,Sandals,Loafers,Mojari | 499 | 6999 | 0.42 | 12 | 8
Fashion | Kids | Tiny Tribe,Meher | Frock,Shorts Set,Rompers,Hoodie | 249 | 1999 | 0.47 | 5 | 6
Home and Kitchen | Cookware | Tadka,Ironleaf,Annapurna | Pressure Cooker,Non-stick Tawa,Kadhai,Casserole | 399 | 4999 | 0.33 | 12 | 9
Home and Kitchen | Appliances | Annapurna,Voltara | Mixer Grinder,Air Fryer,Induction Cooktop,Kettle | 999 | 12999 | 0.21 | 18 | 6
Home and Kitchen | Bedding | Nidra,Kapas | Bedsheet Set,Comforter,Pillow Pair,Quilt | 349 | 4499 | 0.41 | 5 | 7
Home and Kitchen | Decor | Diya & Co,Mitti | Wall Clock,Brass Lamp,Photo Frame,Planter | 199 | 3999 | 0.52 | 12 | 5
Beauty | Skin Care | Kesar,Neemly,Aura Botanics | Face Wash,Sunscreen SPF 50,Night Cream,Serum | 149 | 1799 | 0.55 | 18 | 9
Beauty | Hair Care | Amrita,Neemly | Shampoo,Hair Oil,Conditioner,Hair Mask | 129 | 1299 | 0.52 | 18 | 8
Grocery | Staples | Khet,Sona Fields | Basmati Rice 5kg,Toor Dal 1kg,Atta 10kg,Poha 1kg | 59 | 1199 | 0.14 | 5 | 12
Grocery | Snacks | Chatpata,Khet | Namkeen Mix,Khakhra,Dry Fruit Box,Chikki | 49 | 1499 | 0.28 | 12 | 10
Grocery | Tea and Coffee | Hillcrest,Udaya | Assam Tea,Filter Coffee,Green Tea,Masala Chai | 99 | 999 | 0.32 | 5 | 7
Sports | Cricket | Maidan,Sixer | Cricket Bat,Batting Gloves,Leather Ball,Kit Bag | 249 | 9999 | 0.36 | 12 | 5
Sports | Fitness | Balvan,Flexora | Yoga Mat,Dumbbell Pair,Resistance Band,Skipping Rope | 199 | 5999 | 0.38 | 18 | 5
Books | Fiction | Peepal Press,Lantern House | Paperback Novel,Short Stories,Graphic Novel | 149 | 799 | 0.35 | 0 | 6
Books | Study | Gyan Path,Lantern House | Exam Guide,Workbook,Atlas,Dictionary | 99 | 1299 | 0.32 | 0 | 5
Toys | Learning | Khilona,Bright Owl | Building Blocks,Puzzle,Science Kit,Flash Cards | 199 | 2999 | 0.43 | 12 | 5
""".strip().splitlines()
)
ADJECTIVES = (
    "Classic",
    "Premium",
    "Everyday",
    "Deluxe",
    "Slim",
    "Royal",
    "Eco",
    "Max",
    "Lite",
    "Heritage",
    "Urban",
    "Festive",
)
COLOURS = ("Black", "Blue", "Red", "Green", "White", "Maroon", "Mustard", "Teal", "Grey", "Pink")

REFERRERS = (
    None,
    "https://www.google.com/",
    "https://www.instagram.com/",
    "https://www.youtube.com/",
    "https://mail.example.com/",
    "https://deals.example.org/",
)
REFERRER_WEIGHTS = (42, 28, 12, 8, 6, 4)
BROWSERS = ("Chrome", "Safari", "Firefox", "Edge", "Samsung Internet")
# device type, browser index, weight, user agent
CLIENTS = (
    (
        "mobile",
        0,
        44,
        "Mozilla/5.0 (Linux; Android 14; Mobile) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0",
    ),
    (
        "mobile",
        1,
        14,
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1",
    ),
    ("mobile", 4, 8, "Mozilla/5.0 (Linux; Android 13; SM-A546E) AppleWebKit/537.36 SamsungBrowser/25.0 Mobile"),
    (
        "desktop",
        0,
        19,
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0",
    ),
    ("desktop", 3, 5, "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0 Edg/126.0"),
    ("desktop", 2, 4, "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0"),
    ("tablet", 1, 6, "Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1"),
)
BOT_AGENTS = (
    "Mozilla/5.0 (compatible; ExampleBot/2.1; +http://bot.example.com/about)",
    "PriceCrawler/1.4 (+http://prices.example.org)",
)
SITE = "https://shop.example.in"

# Orders by hour of the day in India: quiet night, a lunch peak, a high evening.
HOURS_IST = (8, 4, 2, 1, 1, 3, 8, 16, 28, 42, 55, 62, 66, 60, 50, 46, 48, 54, 64, 78, 90, 92, 66, 28)
WEEKDAYS = (0.94, 0.92, 0.95, 0.98, 1.05, 1.12, 1.10)  # Monday first
MONTHS = (0.96, 0.90, 0.94, 0.92, 0.93, 0.90, 0.95, 1.03, 1.06, 1.22, 1.18, 1.04)
# month, day, days it lasts, factor
SALES = ((1, 24, 4, 1.35), (5, 1, 3, 1.15), (8, 13, 4, 1.40), (11, 27, 3, 1.25), (12, 23, 3, 1.15))
