media-fault-missing = Please choose a picture: a JPEG or PNG file.
media-fault-empty = The file is empty. Please choose another one.
media-fault-too-large = The file is larger than 10 MB. Please make it smaller or choose another one.
media-fault-type = Only JPEG and PNG pictures can be used. This file is something else, whatever its name says.
media-fault-pixels = The picture has too many pixels: at most 50 million, and no side over 16,000.
media-fault-damaged = The picture is damaged or not whole. Please save it again, or choose another one.
media-fault-full = The account keeps as many pictures as it may.
media-fault-signed-out = You were signed out. Please sign in again in another window; what you wrote stays here.
