//! Sectors: Shenwan's first level in English, about how many A-shares each has, and what companies of it call their trade.

/// A sector of the universe.
pub(super) struct Sector {
    pub name: &'static str,
    /// About how many A-shares it has; only the proportions count.
    pub weight: u32,
    /// How its companies call what they do.
    pub trades: &'static [&'static str],
}

const fn sector(name: &'static str, weight: u32, trades: &'static [&'static str]) -> Sector {
    Sector { name, weight, trades }
}

pub(super) const SECTORS: [Sector; 31] = [
    sector("Machinery", 530, &["Machinery", "Precision Machinery", "Heavy Industry", "Bearings", "Robotics", "Valves"]),
    sector("Pharmaceuticals", 490, &["Pharmaceutical", "Biotech", "Medical", "Medical Devices", "Herbal Medicine"]),
    sector("Electronics", 470, &["Electronics", "Microelectronics", "Semiconductor", "Optoelectronics", "Circuits"]),
    sector("Chemicals", 400, &["Chemical", "Fine Chemicals", "New Materials", "Fertilizer", "Coatings", "Polymers"]),
    sector("Power Equipment", 360, &["Electric", "New Energy", "Batteries", "Photovoltaic", "Transformers"]),
    sector("Computers", 335, &["Software", "Information", "Data Systems", "Computing", "Cyber Security"]),
    sector("Automobiles", 280, &["Auto Parts", "Automotive", "Motors", "Tyres", "Vehicle Systems"]),
    sector("Construction", 160, &["Construction", "Engineering", "Bridge Works", "Architectural Design"]),
    sector("Light Manufacturing", 160, &["Home Furnishing", "Paper", "Packaging", "Stationery"]),
    sector("Nonferrous Metals", 140, &["Nonferrous", "Copper", "Aluminium", "Rare Metals", "Magnetics"]),
    sector("Defence", 140, &["Aviation", "Aerospace", "Marine Equipment", "Navigation"]),
    sector("Environment", 135, &["Environment", "Water Treatment", "Clean Air", "Recycling"]),
    sector("Utilities", 130, &["Power", "Hydropower", "Gas", "Heat Supply", "Water Supply"]),
    sector("Media", 130, &["Media", "Publishing", "Pictures", "Interactive Entertainment"]),
    sector("Telecom", 125, &["Telecom", "Communications", "Optical Fibre", "Antennas"]),
    sector("Food & Beverage", 125, &["Foods", "Distillery", "Dairy", "Brewery", "Seasonings"]),
    sector("Transport", 125, &["Logistics", "Port", "Shipping", "Expressway", "Express"]),
    sector("Agriculture", 105, &["Agriculture", "Seeds", "Feed", "Aquatic Products", "Animal Husbandry"]),
    sector("Textiles & Apparel", 105, &["Textile", "Apparel", "Silk", "Footwear", "Jewellery"]),
    sector("Real Estate", 105, &["Real Estate", "Urban Development", "Property Services"]),
    sector("Retail", 100, &["Department Stores", "Supermarkets", "Trading", "Online Retail"]),
    sector("Household Appliances", 95, &["Appliances", "Kitchenware", "Refrigeration", "Lighting"]),
    sector("Non-bank Finance", 85, &["Securities", "Insurance", "Trust", "Leasing", "Futures"]),
    sector("Social Services", 78, &["Tourism", "Hotels", "Education", "Testing Services"]),
    sector("Building Materials", 72, &["Cement", "Glass", "Building Materials", "Ceramics"]),
    sector("Petrochemicals", 47, &["Petrochemical", "Oilfield Services", "Refining"]),
    sector("Steel", 45, &["Steel", "Special Steel", "Steel Pipes"]),
    sector("Banks", 42, &["Bank", "Commercial Bank", "Rural Commercial Bank"]),
    sector("Coal", 37, &["Coal", "Coking", "Mining"]),
    sector("Beauty", 30, &["Cosmetics", "Personal Care", "Skin Care"]),
    sector("Conglomerates", 18, &["Industries", "Enterprises"]),
];
