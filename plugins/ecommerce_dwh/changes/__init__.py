"""Changes of the warehouse: what is declared, what the catalogue has, the plan between them, and its application."""
