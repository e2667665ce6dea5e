"""The colours of every picture and page; apart from `plotting`, so that pages need no matplotlib."""

# Okabe and Ito, https://jfly.uni-koeln.de/color/: distinguishable with every kind of colour blindness.
BLUE, SKY, GREEN, VERMILION = "#0072B2", "#56B4E9", "#009E73", "#D55E00"
ORANGE, PURPLE, BLACK = "#E69F00", "#CC79A7", "#000000"
CYCLE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)  # of lines side by side
DARK, GREY, PALE = "#333333", "#7F7F7F", "#E6E6E6"
INKS = ("#444444", "#767676")  # of text on white, dark enough to be read (WCAG 2.1 AA)
WARNING = "#A33F00"  # of text, as dark
