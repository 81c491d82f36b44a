"""How other programs write their settings into pictures: one file for each grammar, each a pure
function from texts to a Reading."""
