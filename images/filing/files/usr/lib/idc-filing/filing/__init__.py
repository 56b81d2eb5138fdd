"""A taxpayer files a declaration and gets a receipt."""
